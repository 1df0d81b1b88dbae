"""Proof before use: what a policy does to every lead that there could be."""
