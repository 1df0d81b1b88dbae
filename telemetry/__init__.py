"""Logs, metrics and traces of the product's own, all without personal data."""
