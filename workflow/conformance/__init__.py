"""A workflow beside what really happened: drawn from recorded traces, and held against them."""
