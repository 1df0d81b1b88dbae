"""A measured number with its uncertainty: what metrics, gates and reports exchange."""

import msgspec


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A point estimate and the interval that holds the truth with probability `level`."""

    value: float
    low: float
    high: float
    level: float = 0.95

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"
