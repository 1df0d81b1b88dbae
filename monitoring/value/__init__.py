"""What routing is worth, who gains by being worked, and whether scores feed on themselves."""
