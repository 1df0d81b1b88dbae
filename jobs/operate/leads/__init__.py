"""Jobs about leads in their workflow."""
