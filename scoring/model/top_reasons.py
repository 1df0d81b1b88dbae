"""Which groups of features speak, and how loudly, compiled: of every answer, a row at a time."""

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.int64]


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def strongest(
    contributions: Floats, group_of: Index, groups: int, each: int, smallest: float
) -> tuple[Index, Floats]:
    """The groups of largest sums: at most `each` above 0 and `each` below, the largest size first.

    `contributions` [features] and the group, from 0 on, of each. Told of every such group: its
    feature of the largest contribution, and the sum. A sum must have a size of `smallest`, which
    is above 0.
    """
    sums, loudest = np.zeros(groups), np.full(groups, -1)
    for place in range(len(contributions)):
        group = group_of[place]
        sums[group] += contributions[place]
        before = loudest[group]
        if before < 0 or abs(contributions[place]) > abs(contributions[before]):
            loudest[group] = place
    places, totals = np.empty(groups, dtype=np.int64), np.empty(groups)
    count = above = below = 0
    while True:
        best = -1
        for group in range(groups):
            room = above < each if sums[group] > 0 else below < each
            size = abs(sums[group])
            if room and size >= smallest and (best < 0 or size > abs(sums[best])):
                best = group
        if best < 0:
            return places[:count], totals[:count]
        places[count], totals[count] = loudest[best], sums[best]
        count += 1
        above += sums[best] > 0
        below += sums[best] <= 0
        sums[best] = 0.0
