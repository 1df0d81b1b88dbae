"""From values to places on a chart, and the round values that an axis is marked at."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AxisScale:
    """Maps values `low`..`high` to places `start`..`end`, in a straight line."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value, within the chart."""
        share = (min(max(value, self.low), self.high) - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * (self.end - self.start), 2)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most so many round values within bounds, evenly apart.

    >>> ticks(0, 1), ticks(-0.013, 0.021)
    ([0.0, 0.5, 1.0], [-0.01, 0.0, 0.01, 0.02])
    """
    if not high > low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    while (high - low) / step > most - 1:
        step *= 2.5 if f"{step:e}"[0] == "2" else 2.0
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) + 0.0 for i in range(first, math.floor(high / step + 1e-9) + 1)]


def padded(low: float, high: float, share: float = 0.06) -> tuple[float, float]:
    """Bounds with room around them; equal ones are drawn apart."""
    room = (high - low) * share or abs(high) * share or 0.5
    return low - room, high + room
