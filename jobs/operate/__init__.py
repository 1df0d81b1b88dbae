"""The operating loop: what is due, done once, by one process at a time."""
