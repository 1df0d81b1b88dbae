"""Rows and documents out of files of every kind, within bounds."""
