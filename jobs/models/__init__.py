"""Use cases about models: train, compare, roll out, monitor, reproduce."""
