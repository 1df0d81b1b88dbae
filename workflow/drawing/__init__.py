"""A workflow as a diagram, drawn from its file."""
