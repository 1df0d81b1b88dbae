"""Lineage: which run read and wrote which data sets, and the outbox to a server."""
