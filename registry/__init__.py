"""Versions, stages, gates, the promotion ledger and rollouts, over MLflow."""
