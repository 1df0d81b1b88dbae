"""What to do about a score: policies and the audit trail."""
