"""Whether the stores of a home agree with each other, and with what was written down elsewhere."""
