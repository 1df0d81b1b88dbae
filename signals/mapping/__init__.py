"""Mapping files: how rows of a table become signals."""
