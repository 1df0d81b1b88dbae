"""Policies: read, checked, reviewed, tried and evaluated."""
