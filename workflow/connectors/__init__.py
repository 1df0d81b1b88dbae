"""Connectors: each carries effects to one kind of receiver, and says what became of each."""
