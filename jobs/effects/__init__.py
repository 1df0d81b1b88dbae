"""Effects are delivered: the connectors of a home, and what waits for them."""
