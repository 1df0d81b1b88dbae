"""Whether of the leads scored 0.3 three in ten buy.

Bins hold equal shares of the weight: the bin of a row is that of the middle of its value's ranks,
so that equal probabilities share a bin and the order of rows does not matter. Bins can be empty
where many rows are tied, and are then left out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from measures.arrays import Array, Index, forecasts, mean

CLIP = float(np.finfo(np.float64).eps)
"""Probabilities are held in CLIP..1 − CLIP before a logarithm is taken, as scikit-learn does."""


@dataclass(frozen=True, slots=True)
class ReliabilityCurve:
    """Per bin [bins], ascending: mean probability, rate of positives, and weight."""

    predicted: Array
    observed: Array
    weight: Array


@dataclass(frozen=True, slots=True)
class Decomposition:
    """The Brier score as reliability − resolution + uncertainty + within.

    `reliability` is 0 where every bin's mean probability is its rate of positives. `resolution`
    says how far the bins' rates lie from the overall rate. `uncertainty` belongs to the data
    alone. `within` is what binning loses, and 0 where each bin holds one probability.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within: float


def brier(y: ArrayLike, p: ArrayLike, w: ArrayLike | None = None) -> float:
    """The mean squared distance of probability and outcome (Brier 1950); nan without weight.

    >>> brier([1, 0], [0.5, 0.0])
    0.125
    """
    labels, chances, weights = forecasts(y, p, w)
    return mean((chances - labels) ** 2, weights)


def log_loss(y: ArrayLike, p: ArrayLike, w: ArrayLike | None = None) -> float:
    """The mean of −ln of the probability given to what happened, clipped; nan without weight."""
    labels, chances, weights = forecasts(y, p, w)
    return mean(log_losses(labels, chances), weights)


def log_losses(labels: Array, chances: Array) -> Array:
    """−ln of the probability given to what happened, clipped, for each row [n]."""
    clipped = np.clip(chances, CLIP, 1 - CLIP)
    return np.asarray(
        -np.where(labels == 1, np.log(clipped), np.log(1 - clipped)), dtype=np.float64
    )


def decompose(
    y: ArrayLike, p: ArrayLike, w: ArrayLike | None = None, *, bins: int | None = None
) -> Decomposition:
    """Murphy's decomposition (1973) of the Brier score; all nan without weight.

    Without `bins` rows are grouped by their probability, which is exact. With `bins` the term
    `within` makes the sum exact (Stephenson, Coelho and Jolliffe 2008).
    """
    labels, chances, weights = forecasts(y, p, w)
    curve = _curve(labels, chances, weights, bins)
    rate = mean(labels, weights)
    reliability = mean((curve.predicted - curve.observed) ** 2, curve.weight)
    resolution = mean((curve.observed - rate) ** 2, curve.weight)
    uncertainty = rate * (1 - rate)
    score = mean((chances - labels) ** 2, weights)
    return Decomposition(
        reliability=reliability,
        resolution=resolution,
        uncertainty=uncertainty,
        within=0.0 if bins is None else score - (reliability - resolution + uncertainty),
    )


def reliability_curve(
    y: ArrayLike, p: ArrayLike, w: ArrayLike | None = None, *, bins: int = 15
) -> ReliabilityCurve:
    """Mean probability and rate of positives in bins of equal weight."""
    return _curve(*forecasts(y, p, w), bins)


def _curve(y: Array, p: Array, w: Array, bins: int | None) -> ReliabilityCurve:
    place = bins_of(p, w, bins)
    weight = np.bincount(place, w).astype(np.float64)
    filled = weight > 0
    return ReliabilityCurve(
        predicted=np.bincount(place, w * p)[filled] / weight[filled],
        observed=np.bincount(place, w * y)[filled] / weight[filled],
        weight=weight[filled],
    )


def bins_of(p: Array, w: Array, bins: int | None) -> Index:
    """The bin of every row, or with `bins` None one for each distinct probability.

    Raises ValueError for bins < 1.
    """
    if bins is not None and bins < 1:
        raise ValueError(f"bins == {bins}, must be >= 1")
    distinct, place = np.unique(p, return_inverse=True)
    if bins is None or not w.sum():
        return np.asarray(place, dtype=np.int64)
    each = np.bincount(place, w, len(distinct))
    middle = (np.cumsum(each) - each / 2) / each.sum()
    bin_of = np.minimum(np.floor(middle * bins), bins - 1).astype(np.int64)
    return np.asarray(bin_of[place], dtype=np.int64)
