"""Splitting by time: no label reaches into the time it is judged on, no company into both sides."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.clock import DAY

Times = NDArray[np.int64]
RowNumbers = NDArray[np.int64]


Weights = NDArray[np.float64]

LATER = 1.0 / 3.0
"""The chance of a group that lives through a split to be judged by, and not learnt from.

A group's rows before the split are mostly more than those after it.
"""


@dataclass(frozen=True, slots=True)
class SplitRows:
    """Row numbers before and after a split, and how many the embargo and the grouping took.

    `earlier_weights` and `later_weights` say for how many rows each stands: for more than itself
    where the grouping took others like it.
    """

    earlier: RowNumbers
    later: RowNumbers
    earlier_weights: Weights
    later_weights: Weights
    embargoed: int
    parted: int = 0


def split_by_time(
    moments: Times, later_share: float, embargo_days: float, groups: Times | None = None
) -> SplitRows:
    """Split rows at a moment so that about `later_share` of them lie at or after it.

    Rows of one moment stay together. Earlier rows within `embargo_days` before it are left out.
    With `groups` [n] no group has rows on both sides: one that would keeps those of one side,
    drawn by a hash of its number, with the chance LATER of the later. Its rows weigh one over
    the chance that they had to stay (Horvitz and Thompson, 1952), so that each side stands for
    all that lay there. A group falls to the same side in every run.

    >>> days = np.arange(10) * DAY
    >>> parts = split_by_time(days, 0.2, embargo_days=3)
    >>> parts.earlier.tolist(), parts.later.tolist(), parts.embargoed
    ([0, 1, 2, 3, 4, 5], [8, 9], 2)
    """
    order = np.sort(moments)
    start = order[min(round(len(order) * (1 - later_share)), len(order) - 1)]
    return _parts(moments, moments >= start, int(start), embargo_days, _drawn(groups, 0))


def folds(moments: Times, count: int, embargo_days: float, groups: Times) -> list[SplitRows]:
    """Cut rows by time into `count` + 1 parts of about equal size; each but the first is later.

    Each part's earlier rows are all before it, but for embargo and grouping, as `split_by_time`
    has them. Where many rows share a moment there are fewer folds.
    """
    return [
        _parts(
            moments,
            (moments >= start) & (moments < end),
            start,
            embargo_days,
            _drawn(groups, 1 + fold),
        )
        for fold, (start, end) in enumerate(spans(moments, count))
    ]


def spans(moments: Times, count: int) -> list[tuple[int, int]]:
    """All but the first of `count` + 1 parts of about as many rows, as [start, end) in time.

    A moment is never cut: where many rows share one there are fewer parts.
    """
    order = np.sort(moments)
    if not len(order):
        return []
    ranks = (np.arange(1, count + 1) * len(order)) // (count + 1)
    starts = [int(s) for s in np.unique(order[ranks]) if s > order[0]]
    return list(zip(starts, [*starts, int(order[-1]) + 1][1:], strict=True))


_Drawn = tuple[Times, NDArray[np.bool_]]


def _drawn(groups: Times | None, salt: int) -> _Drawn | None:
    return None if groups is None else (groups, side(groups, salt, LATER))


def _parts(
    moments: Times,
    later: NDArray[np.bool_],
    start: int,
    embargo_days: float,
    drawn: _Drawn | None,
) -> SplitRows:
    near = (moments < start) & (moments > start - int(embargo_days * DAY))
    earlier = (moments < start) & ~near
    parted = np.zeros(len(moments), dtype=np.bool_)
    weights = np.ones(len(moments))
    if drawn is not None:
        groups, goes_later = drawn
        both = np.isin(groups, np.intersect1d(groups[earlier], groups[later]))
        parted = both & ((earlier & goes_later) | (later & ~goes_later))
        weights[both] = np.where(goes_later[both], 1.0 / LATER, 1.0 / (1.0 - LATER))
    before, after = np.flatnonzero(earlier & ~parted), np.flatnonzero(later & ~parted)
    removed = int(near.sum()), int(parted.sum())
    return SplitRows(before, after, weights[before], weights[after], *removed)


def side(groups: Times, salt: int, chance: float = 0.5) -> NDArray[np.bool_]:
    """A draw for each group [n], the same for the same group and salt."""
    drawn = _hashed(groups, salt) < np.uint64(int(chance * 2.0**64))
    return np.asarray(drawn, dtype=np.bool_)


def _hashed(groups: Times, salt: int) -> NDArray[np.uint64]:
    """SplitMix64 of each number [n]."""
    z = groups.astype(np.uint64) + np.uint64((0x9E3779B97F4A7C15 * (salt + 1)) % (1 << 64))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return np.asarray(z, dtype=np.uint64)


def dealt(groups: Times, parts: int) -> RowNumbers:
    """A part 0 to `parts` − 1 for each row [n]: whole groups, by hash, parts of about as many rows.

    >>> dealt(np.array([5, 6, 5, 6]), 2).tolist()
    [0, 1, 0, 1]
    """
    _, place, size = np.unique(_hashed(groups, 0), return_inverse=True, return_counts=True)
    middle = np.cumsum(size) - size / 2
    return np.asarray((middle * parts / len(groups)).astype(np.int64)[place])
