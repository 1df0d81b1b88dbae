"""Use cases about signals and features: ingest, publish, consume, compare, report."""
