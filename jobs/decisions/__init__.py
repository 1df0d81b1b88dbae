"""Use cases about decisions: score all, replay, export, verify."""
