"""Charts as SVG, made here: each has a title and a description, and its figures in a table."""
