"""The log read again: histories of states, identities and accounts."""
