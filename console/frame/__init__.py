"""What every page stands in: access, forms, layout, errors, files."""
