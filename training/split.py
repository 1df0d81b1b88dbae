"""Splitting by time, with an embargo, so that no label reaches into the time it is judged on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.clock import DAY
from domain.errors import Missing

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Parts:
    """Row numbers before and after a split, and how many the embargo took."""

    earlier: NDArray[np.int64]
    later: NDArray[np.int64]
    embargoed: int


def split_by_time(
    moments: Times, later_share: float, embargo_days: float, groups: Times | None = None
) -> Parts:
    """Split rows at a moment so that about `later_share` of them lie at or after it.

    Rows of one moment stay together. Earlier rows within `embargo_days` before it are left out;
    with `groups` [n], only those whose group has later rows too (purging).

    >>> days = np.arange(10) * DAY
    >>> parts = split_by_time(days, 0.2, embargo_days=3)
    >>> parts.earlier.tolist(), parts.later.tolist(), parts.embargoed
    ([0, 1, 2, 3, 4, 5], [8, 9], 2)
    """
    order = np.sort(moments)
    start = order[min(round(len(order) * (1 - later_share)), len(order) - 1)]
    later = moments >= start
    near = ~later & (moments > start - int(embargo_days * DAY))
    if groups is not None:
        near &= np.isin(groups, groups[later])
    earlier = np.flatnonzero(~later & ~near)
    return Parts(earlier, np.flatnonzero(later), int(near.sum()))


def require_both_classes(labels: NDArray[np.int64], what: str) -> None:
    """Raise Missing where a part holds no positive or no negative row."""
    positives = int(labels.sum())
    if positives == 0 or positives == len(labels):
        raise Missing(
            f"the {what} part has {len(labels)} rows, {positives} of them positive",
            rule="both-classes",
            todo="Ingest more history, or shorten `horizon_days` or `split.embargo_days`.",
        )
