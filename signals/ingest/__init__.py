"""The one way into the log, a transaction at a time."""
