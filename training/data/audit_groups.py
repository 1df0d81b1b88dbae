"""The groups that an audit compares: rows by a feature's values, numbers cut into declared bins."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

MISSING = "missing"


def groups_of(values: NDArray[Any], bins: Sequence[float]) -> NDArray[np.object_]:
    """The name of each row's group [n]: its bin where there are bins, else its value.

    >>> groups_of(np.array([3.0, 10.0, np.nan]), [10]).tolist()
    ['below 10', '10 and more', 'missing']
    >>> groups_of(np.array(["DE", ""], dtype=object), []).tolist()
    ['DE', 'missing']
    """
    if not bins:
        return np.array([str(v) if _known(v) else MISSING for v in values], dtype=object)
    numbers = np.array([float(v) if _known(v) else np.nan for v in values], dtype=np.float64)
    names = np.array([*_names(bins), MISSING], dtype=object)
    place = np.searchsorted(np.asarray(bins, dtype=np.float64), numbers, side="right")
    return np.asarray(names[np.where(np.isnan(numbers), len(names) - 1, place)], dtype=object)


def _names(bins: Sequence[float]) -> list[str]:
    edges = [f"{edge:g}" for edge in bins]
    between = [f"{low} to below {high}" for low, high in pairwise(edges)]
    return [f"below {edges[0]}", *between, f"{edges[-1]} and more"]


def _known(value: object) -> bool:
    return value is not None and value != "" and value == value  # noqa: PLR0124, nan alone differs
