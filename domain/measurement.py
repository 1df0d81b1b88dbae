"""A measured number with its uncertainty: what metrics, gates and reports exchange."""

from collections.abc import Sequence
from statistics import NormalDist

import msgspec


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A point estimate and the interval that holds the truth with probability `level`."""

    value: float
    low: float
    high: float
    level: float = 0.95

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def at(self, level: float) -> "Interval":
        """The interval at another level: each side as much longer as a normal distribution's is.

        >>> print(Interval(value=0.5, low=0.4, high=0.7).at(0.99))
        0.500 (0.369 to 0.763)
        """
        stretch = _z(level) / _z(self.level)
        return Interval(
            value=self.value,
            low=self.value - stretch * (self.value - self.low),
            high=self.value + stretch * (self.high - self.value),
            level=level,
        )


def together(alone: Sequence[Interval]) -> list[Interval]:
    """Intervals so wide that all of them hold at once on one side, with the level each has alone.

    That is: of values that are all 0, the chance that any interval lies above 0 is 1 − level at
    most, and so is the chance that any lies below (Bonferroni 1936). One or two stay as they are.

    >>> [round(one.level, 4) for one in together([Interval(value=0, low=-1, high=1)] * 5)]
    [0.98, 0.98, 0.98, 0.98, 0.98]
    """
    return [one.at(max(one.level, 1 - 2 * (1 - one.level) / len(alone))) for one in alone]


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)
