"""How sure a measure is: the cluster bootstrap.

Leads of one account buy or not together, so accounts are drawn, not rows: each draw takes as many
groups as there are, with replacement, and a row weighs as often as its group was drawn. The
interval lies between percentiles of the draws. Draws for which the measure is nan, as those of
one class are, are left out. With fewer than two groups, or with no draw left, the bounds are nan.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from domain.measurement import Interval
from measures.arrays import Array, Index, places, rows


class Metric(Protocol):
    """A measure of scores against labels that takes weights: `auroc`, `brier`, a partial."""

    def __call__(self, y: Array, s: Array, /, *, w: Array) -> float:
        """The measure, or nan where it is not defined."""
        ...


def bootstrap(
    metric: Metric,
    y: ArrayLike,
    s: ArrayLike,
    groups: NDArray[Any],
    *,
    draws: int = 1000,
    seed: int,
    level: float = 0.95,
) -> Interval:
    """A measure of scores, with its interval; `groups` [n] names the group of each row."""
    labels, scores, ones = rows(y, s)
    count, place = places(groups, len(labels))
    view = _Ordered(labels, scores, place)
    drawn = [view.measure(metric, weights) for weights in multiplicities(count, draws, seed)]
    return between(metric(labels, scores, w=ones), np.array(drawn), level)


def paired_bootstrap(
    metric: Metric,
    y: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    groups: NDArray[Any],
    *,
    draws: int = 1000,
    seed: int,
    level: float = 0.95,
) -> Interval:
    """By how much the measure of scores `b` exceeds that of `a`, with its interval.

    Both are measured on the same draws, so that what they share cancels out.
    """
    labels, first, ones = rows(y, a)
    _, second, _ = rows(y, b)
    count, place = places(groups, len(labels))
    before, after = _Ordered(labels, first, place), _Ordered(labels, second, place)
    drawn = [
        after.measure(metric, weights) - before.measure(metric, weights)
        for weights in multiplicities(count, draws, seed)
    ]
    value = metric(labels, second, w=ones) - metric(labels, first, w=ones)
    return between(value, np.array(drawn), level)


class _Ordered:
    """Rows in descending order of score: measures that sort find them sorted."""

    def __init__(self, y: Array, s: Array, place: Index) -> None:
        order = np.argsort(-s, kind="stable")
        self.y, self.s, self.place = y[order], s[order], place[order]

    def measure(self, metric: Metric, weights: Array) -> float:
        return metric(self.y, self.s, w=weights[self.place])


def multiplicities(count: int, draws: int, seed: int) -> Iterator[Array]:
    """How often each group was drawn [groups], draw by draw; no draws of fewer than two."""
    if count < 2:
        return
    random = np.random.default_rng(seed)
    for _ in range(draws):
        drawn = random.integers(0, count, count)
        yield np.bincount(drawn, minlength=count).astype(np.float64)


def between(value: float, drawn: Array, level: float = 0.95) -> Interval:
    """A value with the percentiles of its draws, of which those that are nan are left out."""
    if not 0 < level < 1:
        raise ValueError(f"level == {level}, must be > 0 and < 1")
    defined = drawn[~np.isnan(drawn)]
    low, high = np.nan, np.nan
    if len(defined):
        low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=float(value), low=float(low), high=float(high), level=level)


def difference(a: Interval, b: Interval) -> Interval:
    """By how much `b` exceeds `a`, of which no draws are shared, at the lower of their levels.

    Squares of the distances to the bounds are added, as if the two were independent (Zou and
    Donner 2008): too wide rather than too narrow where both were measured on the same rows.
    """
    value = b.value - a.value
    return Interval(
        value=value,
        low=value - float(np.hypot(b.value - b.low, a.high - a.value)),
        high=value + float(np.hypot(b.high - b.value, a.value - a.low)),
        level=min(a.level, b.level),
    )


def wilson(share: float, size: float, level: float = 0.95) -> Interval:
    """A share of `size` independent rows with Wilson's interval (1927).

    >>> print(wilson(0.0, 20))
    0.000 (0.000 to 0.161)
    """
    z = float(ndtri((1 + level) / 2))
    middle = (share + z * z / (2 * size)) / (1 + z * z / size)
    wide = z / (1 + z * z / size) * (share * (1 - share) / size + (z / size / 2) ** 2) ** 0.5
    return Interval(
        value=share, low=max(middle - wide, 0.0), high=min(middle + wide, 1.0), level=level
    )
