"""How a file is to be read, and a sample of its rows."""
