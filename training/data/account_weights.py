"""A bound on what one company says: of what is learnt, and of what the search judges by.

One company of thousands of leads that all won would rule the fold that holds it: early stopping
and search would ask how well a model knows that company, not how well it ranks the others.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Dataset

LEAST = 2.0
"""Of few companies each may always weigh twice its equal share: others could not be reached."""


def bounded(data: Dataset, share: float) -> Dataset:
    """The same rows, those of a company weighing no more than `share` of all together.

    The weight of a larger company's rows is lowered, each by the same factor; others keep theirs.
    """
    return replace(data, weights=data.weights * factors(data.groups, data.weights, share))


def factors(groups: NDArray[np.int64], w: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """By what to multiply weights [n], so that no group has more than `share` of what is left.

    With few groups the share is LEAST over how many there are.

    >>> factors(np.array([1, 1, 1, 1, 2, 3, 4, 5]), np.ones(8), 0.4).round(3).tolist()
    [0.667, 0.667, 0.667, 0.667, 1.0, 1.0, 1.0, 1.0]
    """
    if not len(groups):
        return np.ones(0)
    _, place = np.unique(groups, return_inverse=True)
    total = np.bincount(place, w)
    most = _most(np.sort(total), min(max(share, LEAST / len(total)), 1.0))
    return np.asarray(np.minimum(1.0, most / total)[place])


def _most(ascending: NDArray[np.float64], share: float) -> float:
    """The greatest total c of a group for which c = share · Σ min(total, c)."""
    below = np.cumsum(ascending) - ascending
    above = len(ascending) - np.arange(len(ascending))
    # with all from the i-th on held at c: c = share · (below + above · c)
    with np.errstate(divide="ignore", invalid="ignore"):
        bounds = np.where(above * share < 1, share * below / (1 - above * share), np.inf)
    fits = np.flatnonzero(bounds <= ascending)
    return float(bounds[fits[0]]) if len(fits) else float(ascending[-1])
