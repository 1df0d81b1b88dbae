"""The console: a home looked at and acted upon in a browser, by pages that the server makes."""

PORT = 3080
"""Where the console is unless another port is asked for."""
