"""The signal plane's tables, and rows in and out of them."""
