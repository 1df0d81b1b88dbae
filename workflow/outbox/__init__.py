"""The outbox: effects wait in the workflow's own database, and are delivered, each once."""
