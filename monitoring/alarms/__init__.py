"""Alarms: which there are, which are open, and what of them was told to whom."""
