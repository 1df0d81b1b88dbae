"""Overrides of single leads and accounts: their journal, and which of them are in force."""
