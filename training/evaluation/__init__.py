"""How good a version is, beside baselines, and to whom it is fair."""
