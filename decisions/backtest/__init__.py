"""Recorded decisions made again under other policies, a hundred thousand at a time."""
