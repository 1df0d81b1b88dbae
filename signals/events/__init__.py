"""From a document to an event in the log: validated, matched to features, logged."""
