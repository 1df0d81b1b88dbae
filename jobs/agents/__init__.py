"""Agents at work in a home: on leads of the workflow's store, never on the scoring path."""
