"""The audit trail: written, spooled, ranked, searched, verified and replayed."""
