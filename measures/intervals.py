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

from domain.measurement import Interval
from measures.arrays import Array, Index, rows


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
    count, place = _groups(groups, len(labels))
    view = _Ordered(labels, scores, place)
    drawn = [view.measure(metric, weights) for weights in _weights(count, draws, seed)]
    return _interval(metric(labels, scores, w=ones), np.array(drawn), level)


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
    count, place = _groups(groups, len(labels))
    before, after = _Ordered(labels, first, place), _Ordered(labels, second, place)
    drawn = [
        after.measure(metric, weights) - before.measure(metric, weights)
        for weights in _weights(count, draws, seed)
    ]
    value = metric(labels, second, w=ones) - metric(labels, first, w=ones)
    return _interval(value, np.array(drawn), level)


class _Ordered:
    """Rows in descending order of score: measures that sort find them sorted."""

    def __init__(self, y: Array, s: Array, place: Index) -> None:
        order = np.argsort(-s, kind="stable")
        self.y, self.s, self.place = y[order], s[order], place[order]

    def measure(self, metric: Metric, weights: Array) -> float:
        return metric(self.y, self.s, w=weights[self.place])


def _groups(groups: NDArray[Any], n: int) -> tuple[int, Index]:
    if np.shape(groups) != (n,):
        raise ValueError(f"groups have shape {np.shape(groups)}, must be ({n},)")
    names, place = np.unique(groups, return_inverse=True)
    return len(names), np.asarray(place, dtype=np.int64)


def _weights(count: int, draws: int, seed: int) -> Iterator[Array]:
    """How often each group was drawn [groups], draw by draw."""
    if count < 2:
        return
    random = np.random.default_rng(seed)
    for _ in range(draws):
        drawn = random.integers(0, count, count)
        yield np.bincount(drawn, minlength=count).astype(np.float64)


def _interval(value: float, drawn: Array, level: float) -> Interval:
    if not 0 < level < 1:
        raise ValueError(f"level == {level}, must be > 0 and < 1")
    kept = drawn[~np.isnan(drawn)]
    low, high = np.nan, np.nan
    if len(kept):
        low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=float(value), low=float(low), high=float(high), level=level)
