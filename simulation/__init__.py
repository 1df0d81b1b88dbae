"""Buying journeys with known truth."""
