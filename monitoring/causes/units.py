"""Whether numbers are a factor off what they were, all of them or a part: a unit that changed."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Weighted = tuple[Floats, Floats]
"""Values [n], NaN where missing, and their weights [n]."""

LEAST_FACTOR = 3.0
"""A smaller factor may be a market's: of sizes and amounts, shifts are factors too."""

LEAST_SHARE = 0.1
"""The part of the companies that must be a factor off."""

BINS = 20
"""Bins of a power of ten, in which distributions are compared."""

FITS = 0.08
"""How far the distribution may lie from that of a changed unit, beside what chance allows."""

APART = 0.15
"""Distributions that are nearer than this are no factor apart."""

USUAL = np.array([7.0, 10.0, 12.0, 24.0, 30.0, 60.0, 100.0, 1_000.0, 3_600.0, 86_400.0, 1e6])
"""Factors between units in use: one of them is told where it explains as well as any."""

_SPAN = 9
"""Powers of ten to either side of the reference's median."""
_PARTS = np.concatenate([np.linspace(LEAST_SHARE, 0.95, 18), [1.0]])


def changed_unit(
    reference: Weighted, current: Weighted, units: float
) -> tuple[float, float] | None:
    """The factor, and the part of the companies that it holds for; None where none explains.

    The current distribution is held against mixtures of the reference with itself times a factor,
    by Kolmogorov's distance of the logarithms of the positive values. `units` is how many
    companies the current ones are worth.
    """
    sides = [_positive(*side) for side in (reference, current)]
    if not all(len(values) for values, _ in sides):
        return None
    middle = float(np.median(sides[0][0]))
    before, now = (np.cumsum(_histogram(*side, middle)) for side in sides)
    noise = 1.36 / np.sqrt(max(units, 1.0))
    shifts = np.arange(round(BINS * np.log10(LEAST_FACTOR)), _SPAN * BINS)
    shifts = np.concatenate([-shifts[::-1], shifts])
    moved = np.stack([_shifted(before, shift) for shift in shifts])
    apart = np.array(
        [np.abs(now - (1 - part) * before - part * moved).max(axis=1) for part in _PARTS]
    )
    part, at = np.unravel_index(int(apart.argmin()), apart.shape)
    least, alone = float(apart[part, at]), float(np.abs(now - before).max())
    if alone < APART or least > FITS + noise or least > alone / 2:
        return None
    named = np.concatenate([1 / USUAL, USUAL])
    best = apart.min(axis=0)
    places = np.searchsorted(shifts, np.round(BINS * np.log10(named)))
    near = int(best[places].argmin())
    if best[places[near]] <= least + noise / 2:
        return float(named[near]), float(_PARTS[apart[:, places[near]].argmin()])
    return float(10.0 ** (shifts[at] / BINS)), float(_PARTS[part])


def _positive(values: Floats, weights: Floats) -> Weighted:
    usable = np.isfinite(values) & (values > 0) & (weights > 0)
    return values[usable], weights[usable]


def _histogram(values: Floats, weights: Floats, middle: float) -> Floats:
    """Shares of bins of the logarithm, around a middle."""
    places = np.floor(BINS * np.log10(values / middle)).astype(np.int64) + _SPAN * BINS
    count = 2 * _SPAN * BINS
    usable = np.bincount(np.clip(places, 0, count - 1), weights, count)
    return np.asarray(usable / usable.sum(), dtype=np.float64)


def _shifted(cumulative: Floats, bins: int) -> Floats:
    """A distribution function of values a factor larger: moved so many bins to the right."""
    if bins >= 0:
        return np.concatenate([np.zeros(bins), cumulative[: len(cumulative) - bins]])
    return np.concatenate([cumulative[-bins:], np.ones(-bins)])
