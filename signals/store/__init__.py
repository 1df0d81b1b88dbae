"""The tables of the signal plane, and their rows."""
