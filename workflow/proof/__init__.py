"""What is proven of a workflow before it is used: every configuration is visited."""
