"""The HTTP surface: bodies, problem documents, idempotency, description and pages."""
