"""What every measure asks of its arrays: labels, scores and weights of the same rows."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def rows(y: ArrayLike, s: ArrayLike, w: ArrayLike | None = None) -> tuple[Array, Array, Array]:
    """Labels, scores and weights [n] as floats; without `w` every row weighs 1.

    Raises ValueError where lengths differ, a label is neither 0 nor 1, a score is NaN, or a
    weight is negative or not finite.
    """
    labels, scores = np.asarray(y, dtype=np.float64), np.asarray(s, dtype=np.float64)
    weights = np.ones(len(labels)) if w is None else np.asarray(w, dtype=np.float64)
    if labels.ndim != 1 or not labels.shape == scores.shape == weights.shape:
        shapes = f"{labels.shape}, {scores.shape} and {weights.shape}"
        raise ValueError(f"labels, scores and weights have shapes {shapes}, must be one [n]")
    if np.any((labels != 0) & (labels != 1)):
        raise ValueError("a label is neither 0 nor 1")
    if np.any(np.isnan(scores)):
        raise ValueError("a score is not a number")
    if len(weights) and not (weights.min() >= 0 and weights.max() < np.inf):
        raise ValueError("a weight is negative or not finite")
    return labels, scores, weights


def forecasts(y: ArrayLike, p: ArrayLike, w: ArrayLike | None = None) -> tuple[Array, Array, Array]:
    """As `rows`, of probabilities. Raises ValueError also where one is outside 0..1."""
    labels, chances, weights = rows(y, p, w)
    if len(chances) and not (chances.min() >= 0 and chances.max() <= 1):
        raise ValueError("a probability is outside 0..1")
    return labels, chances, weights


def ratio(part: float, whole: float) -> float:
    """The quotient, or nan where the whole is 0.

    >>> ratio(1, 4)
    0.25
    """
    return float(part) / float(whole) if whole != 0 else float("nan")


def dot(a: Array, b: Array) -> float:
    """The sum of products; on one thread, so that it is the same every time.

    >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    11.0
    """
    return float((a * b).sum())


def mean(values: Array, weights: Array) -> float:
    """The weighted mean, or nan without weight.

    >>> mean(np.array([1.0, 4.0]), np.array([2.0, 1.0]))
    2.0
    """
    return ratio(dot(values, weights), float(weights.sum()))


def places(groups: NDArray[Any] | None, n: int) -> tuple[int, Index]:
    """How many groups there are, and the place of each row's [n] among their sorted names.

    Without `groups` every row is one. Raises ValueError where there is not one name a row.

    >>> places(np.array(["b", "a", "b"]), 3)
    (2, array([1, 0, 1]))
    """
    if groups is None:
        return n, np.arange(n)
    if np.shape(groups) != (n,):
        raise ValueError(f"groups have shape {np.shape(groups)}, must be ({n},)")
    names, place = np.unique(groups, return_inverse=True)
    return len(names), np.asarray(place, dtype=np.int64)
