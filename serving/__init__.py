"""The BentoML service and its client."""
