"""How far probabilities are from the rates that they promise, with an interval that may say 0.

The calibration error is the root of the mean over bins, by weight, of (mean probability − rate of
positives)². Taken as it stands it is never 0, for each bin's rate is noise as well; the noise's
expected share is taken off (Kumar, Liang and Ma 2019, with the variance of each bin estimated from
the sums of whole groups, as leads of one account buy or not together).

A bootstrap would add noise to noise, and its low end would lie above 0 for a perfect score. The
interval here inverts a test instead: it holds every error for which the squared distance found is
not among the rarest, where the bins' distances are normal, with the covariance of the groups'
sums, about a truth that lies in the direction found. At an error of 0 the direction does not
matter. Errors that cancel out within a bin are not seen.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from domain.measurement import Interval
from measures.arrays import Array, Index, forecasts, places
from measures.calibration import bins_of

BINS = 15
DRAWS = 2000
"""Draws of the normal distances, by which the rarest are told."""

SEED = 2019
"""The draws are part of the method, as a table of quantiles would be: not of the data."""

HALVINGS = 40


@dataclass(frozen=True, slots=True)
class _Distances:
    """Per bin [bins]: the distance found, its share of the weight; their covariance."""

    distance: Array
    share: Array
    covariance: Array


def calibration_error(
    y: ArrayLike,
    p: ArrayLike,
    groups: NDArray[Any] | None = None,
    w: ArrayLike | None = None,
    *,
    bins: int = BINS,
    level: float = 0.95,
) -> Interval:
    """The calibration error of probabilities [n], with its interval; all nan without weight.

    `groups` [n] names the group of each row; without it each row is one. With fewer than two
    groups the bounds are nan, and the value is not debiased. Raises ValueError for bins < 1 and
    for what are no labels, probabilities, weights or level.
    """
    labels, chances, weights = forecasts(y, p, w)
    count, place = places(groups, len(labels))
    if not 0 < level < 1:
        raise ValueError(f"level == {level}, must be > 0 and < 1")
    if not weights.sum():
        return Interval(value=np.nan, low=np.nan, high=np.nan, level=level)
    distances = _distances(chances - labels, bins_of(chances, weights, bins), place, count, weights)
    squared = float((distances.share * distances.distance**2).sum())
    if count < 2:
        return Interval(value=squared**0.5, low=np.nan, high=np.nan, level=level)
    noise = float((distances.share * np.diag(distances.covariance)).sum())
    value = max(squared - noise, 0.0) ** 0.5
    # a distance below what noise alone makes says no more than that noise does
    low, high = _inverted(distances, max(squared, noise), level)
    return Interval(value=value, low=min(low, value), high=max(high, value), level=level)


def _distances(off: Array, bins: Index, place: Index, count: int, w: Array) -> _Distances:
    """Mean distances per bin, and their covariance from what whole groups add to each."""
    weight = np.bincount(bins, w).astype(np.float64)
    filled = weight > 0
    mean = np.divide(np.bincount(bins, w * off), weight, out=np.zeros_like(weight), where=filled)
    width = len(weight)
    sums = np.bincount(place * width + bins, w * (off - mean[bins]), count * width)
    parts = sums.reshape(count, width)[:, filled] / weight[filled]
    covariance = np.einsum("gi,gj->ij", parts, parts) * (count / max(count - 1, 1))
    return _Distances(mean[filled], weight[filled] / weight.sum(), covariance)


def _inverted(distances: _Distances, squared: float, level: float) -> tuple[float, float]:
    """The least and the greatest error at which `squared` is no rare squared distance."""
    values, vectors = np.linalg.eigh(distances.covariance)
    spread = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = np.random.default_rng(SEED).standard_normal((DRAWS, len(distances.share)))
    noise = np.einsum("di,ji->dj", normal, spread)
    length = float((distances.share * distances.distance**2).sum()) ** 0.5
    along = distances.distance / length if length else np.ones_like(distances.distance)
    linear = (noise * distances.share * along).sum(axis=1)
    square = (noise**2 * distances.share).sum(axis=1)

    def solved(share: float) -> float:
        """The error at which that share of squared distances is below the one found."""
        low, high = 0.0, 2.0
        if np.quantile(square, share) >= squared:
            return low
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            drawn = middle**2 + 2 * middle * linear + square
            below = float(np.quantile(drawn, share)) < squared
            low, high = (middle, high) if below else (low, middle)
        return high

    return solved((1 + level) / 2), solved((1 - level) / 2)
