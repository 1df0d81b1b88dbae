"""Lineage: which run read what and made what, and the outbox that tells a server."""
