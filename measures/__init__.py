"""How good a score is: pure functions on arrays."""
