"""What came for what was told: outcomes over the sum of probabilities, and grades that must rise.

Relative to the rate, where a calibration error is absolute: with one outcome in a hundred an
error of 0.02 passes for small, though it be twice the rate.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from domain.measurement import Interval
from measures.arrays import Array, forecasts, places


def came_by_told(
    y: ArrayLike,
    p: ArrayLike,
    groups: NDArray[Any] | None = None,
    w: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> Interval:
    """Outcomes over outcomes told, Σwy / Σwp: 1 where as many came as were told; nan without any.

    The interval inverts a score test, as Wilson's does for a share: it holds every ratio r for
    which |O − r·E| is at most z·√(k·r·E), where k is the variance of O's parts for one outcome,
    by whole `groups` [n], and at least as for independent rows. So it is sound of few outcomes,
    and of none: then its low end is 0.

    >>> print(came_by_told([0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5]))
    0.000 (0.000 to 1.921)
    """
    labels, chances, weights = forecasts(y, p, w)
    observed, expected = float(weights @ labels), float(weights @ chances)
    if not expected:
        return Interval(value=np.nan, low=np.nan, high=np.nan, level=level)
    alone = (weights**2) @ (labels if observed else chances) / (observed or expected)
    count, place = places(groups, len(labels))
    parts = np.bincount(place, weights * (labels - chances * observed / expected), count)
    spread = max(float(alone), float(parts @ parts) / observed if observed else 0.0)
    z = float(ndtri((1 + level) / 2))
    middle, half = (
        observed + z * z * spread / 2,
        z * (spread * observed + (z * spread / 2) ** 2) ** 0.5,
    )
    return Interval(
        value=observed / expected,
        low=max(middle - half, 0.0) / expected,
        high=(middle + half) / expected,
        level=level,
    )


def inverted(
    y: ArrayLike,
    band: NDArray[np.int64],
    groups: NDArray[Any] | None = None,
    w: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> Sequence[tuple[int, int]]:
    """Neighbouring bands of which the better is shown to convert less than the next.

    `band` [n] is 0 for the best; a pair is of bands that have rows. Two rates are compared by the
    score test of two shares, each of as many rows as it has independent ones (Kish 1965, a group's
    rows counting as one): of bands that convert alike, one pair of all is shown to fall in at most
    1 − level of the tests, and of bands that rise in fewer, whatever was told of them.

    >>> inverted([1] * 40 + [0] * 60 + [1] * 80 + [0] * 20, np.repeat([0, 1], 100))
    [(0, 1)]
    """
    labels, _, weights = forecasts(y, np.zeros(np.shape(y)), w)
    count, place = places(groups, len(labels))
    bands = np.unique(band[weights > 0]).tolist()
    pairs = list(pairwise(bands))
    z = float(ndtri(1 - (1 - level) / max(len(pairs), 1)))
    of = {
        one: _band(labels[rows], weights[rows], place[rows], count)
        for one in bands
        for rows in [band == one]
    }
    return [(a, b) for a, b in pairs if _falls(of[a], of[b], z)]


def _band(y: Array, w: Array, place: NDArray[np.int64], count: int) -> tuple[float, float]:
    """A band's rate, and of how many independent rows it is."""
    total, each = float(w.sum()), np.bincount(place, w, count)
    return float(w @ y) / total, total**2 / float(each @ each)


def _falls(better: tuple[float, float], next_one: tuple[float, float], z: float) -> bool:
    (high, n), (low, m) = better, next_one
    alike = (n * high + m * low) / (n + m)
    noise = float(np.sqrt(alike * (1 - alike) * (1 / n + 1 / m)))
    return high - low < -z * noise
