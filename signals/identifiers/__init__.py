"""Identifiers made comparable: normalised, checked against invented values, digested."""
