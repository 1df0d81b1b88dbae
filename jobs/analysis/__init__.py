"""A home as data frames and plots, for notebooks."""
