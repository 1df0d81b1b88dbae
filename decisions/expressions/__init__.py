"""The expressions of a policy: tokens, trees, names, and what they can cost."""
