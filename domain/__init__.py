"""The words every room shares: identifiers, signals, state, scores, decisions, versions."""
