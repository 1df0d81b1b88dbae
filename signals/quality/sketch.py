"""A figure's history as a decayed histogram: mergeable, and robust where it is asked.

A figure is first brought to a scale on which its spread does not depend on its size: a share p
by arcsin √p (Freeman and Tukey 1950: the sampling variance of k of n is then about 1/4n), a
count by ln(1 + n) (1/n for a Poisson count, by the delta method). A figure x is then as far out as

    z = |x − median| / √((1.4826 · MAD)² + sampling variance)

which without the second term is the modified z-score of Iglewicz and Hoaglin (1993).
"""

import math
from typing import TypeVar

import msgspec

T = TypeVar("T", int, str)

WIDTH = 0.01
"""Width of a bin: a hundredth of a radian for shares, one per cent for counts."""

NORMAL = 1.4826
"""Median absolute deviation to standard deviation, for normal figures."""


class Sketch(msgspec.Struct, kw_only=True):
    """Weights by bin; `bins` of the key k holds figures in (k ± 1/2) · WIDTH."""

    bins: dict[int, float] = {}

    def median(self) -> float:
        """The weighted median, NaN where there is none."""
        return _median(self.bins) * WIDTH

    def spread(self) -> float:
        """The standard deviation that the weighted median absolute deviation stands for."""
        middle = _median(self.bins)
        if math.isnan(middle):
            return math.nan
        away: dict[int, float] = {}
        for at, weight in self.bins.items():
            distance = abs(at - int(middle))
            away[distance] = away.get(distance, 0.0) + weight
        return NORMAL * WIDTH * _median(away)

    def median_share(self) -> float:
        """The median of shares as a share, 0 where there is none."""
        return math.sin(self.median()) ** 2 if self.bins else 0.0

    def median_count(self) -> int:
        """The median of counts as a count, 0 where there is none."""
        return round(math.expm1(self.median())) if self.bins else 0

    def score(self, figure: float, variance: float) -> float:
        """How far out a figure is, given its sampling variance."""
        return abs(figure - self.median()) / math.sqrt(self.spread() ** 2 + variance)


def sketch_of(figure: float) -> Sketch:
    """The history of one figure, at weight 1."""
    return Sketch(bins={round(figure / WIDTH): 1.0})


def merge_sketches(a: Sketch, b: Sketch, ages: tuple[float, float]) -> Sketch:
    """Both histories, their weights multiplied by `ages`."""
    return Sketch(bins=merge_weights(a.bins, b.bins, ages))


def merge_weights(
    a: dict[T, float], b: dict[T, float], ages: tuple[float, float]
) -> dict[T, float]:
    """Weights by key of both, multiplied by `ages`."""
    merged = {key: weight * ages[0] for key, weight in a.items()}
    for key, weight in b.items():
        merged[key] = merged.get(key, 0.0) + weight * ages[1]
    return merged


def share_scale(share: float) -> float:
    """A share in 0 to 1, on the scale of the sketch.

    >>> share_scale(1.0) == math.pi / 2
    True
    """
    return math.asin(math.sqrt(min(max(share, 0.0), 1.0)))


def count_scale(count: int) -> float:
    """A count, on the scale of the sketch."""
    return math.log1p(count)


def _median(weights: dict[int, float]) -> float:
    """The smallest key with at least half of the weight up to it; NaN where there is none."""
    # a hair less than half: sums of the same weights in another order must not change it
    half = sum(weights.values()) * (0.5 - 1e-9)
    upto = 0.0
    for key in sorted(weights):
        upto += weights[key]
        if upto >= half:
            return float(key)
    return math.nan
