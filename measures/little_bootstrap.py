"""How sure a measure of very many rows is: the bag of little bootstraps.

The value is that of all rows. Its interval is that of bags: each holds some of the groups, of which
as many are drawn with replacement as there are in all, so that its draws spread as those of all
rows would (Kleiner, Talwalkar, Sarkar and Jordan, JRSS-B 2014). Few rows are one bag: then it is
the cluster bootstrap (`measures.bootstrap`), draw by draw.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from domain.measurement import Interval
from measures.arrays import Array, Index, places, rows
from measures.bootstrap import Metric, bootstrap

ROWS = 20_000
"""Rows of a bag; as many as these are no reason for bags."""

BAGS = 4
EACH = 1_000
"""Rows of one group in a bag at most, which weigh for all of it."""


def little_bootstrap(
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
    if len(labels) <= ROWS:
        return bootstrap(metric, y, s, groups, draws=draws, seed=seed, level=level)
    count, place = places(groups, len(labels))
    value = metric(labels, scores, w=ones)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    ends = []
    for bag, random in _bags(place, count, seed):
        drawn = np.array(list(_drawn(metric, labels, scores, bag, count, draws // BAGS, random)))
        drawn = drawn[~np.isnan(drawn)]
        if len(drawn):
            ends.append(np.quantile(drawn, tails) - np.mean(drawn))
    low, high = np.mean(ends, axis=0) if ends else (np.nan, np.nan)
    return Interval(value=value, low=value + float(low), high=value + float(high), level=level)


class _Bag:
    """Rows of some groups [n]: their places, group of each from 0, and weight of each."""

    def __init__(self, at: Index, group: Index, weight: Array) -> None:
        self.at, self.weight = at, weight
        _, self.group = np.unique(group, return_inverse=True)
        self.groups = int(self.group.max()) + 1


def _bags(place: Index, count: int, seed: int) -> Iterator[tuple[_Bag, np.random.Generator]]:
    """Bags of groups that no other bag has, of about ROWS rows each."""
    random = np.random.default_rng(seed)
    rank = random.permutation(count)[place]
    order = np.lexsort((random.permutation(len(place)), rank))
    ranked = rank[order]
    first = np.concatenate([[True], ranked[1:] != ranked[:-1]])
    number = np.arange(len(order)) - np.flatnonzero(first)[np.cumsum(first) - 1]
    few, group = order[number < EACH], ranked[number < EACH]
    sizes = np.bincount(rank, minlength=count)
    weight = sizes[group] / np.minimum(sizes[group], EACH)
    begins = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    bag_of = np.repeat(begins // ROWS, np.diff(np.append(begins, len(group))))
    for bag in range(min(BAGS, int(bag_of[-1]) + 1)):
        mine = bag_of == bag
        yield _Bag(few[mine], group[mine], weight[mine]), random


def _drawn(
    metric: Metric,
    y: Array,
    s: Array,
    bag: _Bag,
    count: int,
    draws: int,
    random: np.random.Generator,
) -> Iterator[float]:
    order = np.argsort(-s[bag.at], kind="stable")  # measures that sort find them sorted
    at, group, weight = bag.at[order], bag.group[order], bag.weight[order]
    labels, scores = y[at], s[at]
    for _ in range(draws):
        times = random.multinomial(count, np.full(bag.groups, 1 / bag.groups))
        yield metric(labels, scores, w=weight * times[group])
