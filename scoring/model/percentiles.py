"""Percentiles of scores among the reference sample, by the quantiles registered with a version."""

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def percentiles(quantiles: Floats, scores: Floats) -> Floats:
    """The share [n], 0 to 100, of the sample that scored no higher than each of `scores` [n].

    `quantiles` ascend, one for each whole percentile. Between two of them it is a straight line; a
    score that several of them have gets the middle of theirs.
    """
    out = np.empty(len(scores))
    last = len(quantiles) - 1
    for i in range(len(scores)):
        score = scores[i]
        below = np.searchsorted(quantiles, score, side="left")
        upto = np.searchsorted(quantiles, score, side="right")
        if below < upto:
            out[i] = (below + upto - 1) / 2
        elif 0 < below <= last:
            low, high = quantiles[below - 1], quantiles[below]
            out[i] = below - 1 + (score - low) / (high - low)
        else:
            out[i] = 0.0 if below == 0 else float(last)
    return out
