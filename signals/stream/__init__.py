"""Signals from a bus: partitions, leases and group commits."""
