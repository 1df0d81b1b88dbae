"""Whether two samples of companies differ by more than a tolerance, with a bound of chance.

Every column is looked at as shares of companies: those with a value missing, above a tenth of the
reference, or in a category. A company counts once, by the mean over its rows, so that rows that
belong together are one. How far shares of samples of such sizes lie apart by chance is bounded for
every distribution by Chernoff's inequality in Hoeffding's form (Hoeffding 1963, theorem 1): there
is nothing to be estimated, and nothing to be shuffled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EDGES = np.linspace(0.1, 0.9, 9)
CATEGORIES = 30
"""The most frequent texts of a column that are told apart; all others count as one."""

HALVINGS = 40
_CLOSEST = 1e-12


@dataclass(frozen=True, slots=True)
class Units:
    """Rows of a sample: the company of each [n], as a number from 0, and its weight [n]."""

    account: Ints
    weight: Floats

    def where(self, mask: NDArray[np.bool_]) -> "Units":
        """Some of the rows."""
        return Units(self.account[mask], self.weight[mask])

    @property
    def effective(self) -> float:
        """How many companies of equal weight are worth as much (Kish 1965); 0 of none."""
        if not len(self.account):
            return 0.0
        sums = np.bincount(self.account, self.weight)
        squares = float(sums @ sums)
        return float(sums.sum()) ** 2 / squares if squares > 0 else 0.0


def equal(accounts: NDArray[np.generic]) -> Units:
    """Rows whose companies weigh alike: each row its part of its company's 1."""
    _, account, sizes = np.unique(accounts, return_inverse=True, return_counts=True)
    return Units(account.astype(np.int64), 1.0 / sizes[account])


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of each cell [cells], and how many companies it is a share of [cells]."""

    values: Floats
    effective: Floats


def shares_of(codes: Ints, cells: int, units: Units, *, above: bool) -> Shares:
    """The weighted shares of rows in each of `cells` classes, or (`above`) in any later one."""
    total = float(units.weight.sum())
    if total <= 0:
        return Shares(np.zeros(cells), np.zeros(cells))
    values = np.bincount(codes, units.weight, cells)[:cells] / total
    if above:
        values = 1.0 - np.cumsum(values)
    return Shares(np.clip(values, 0.0, 1.0), np.full(cells, units.effective))


def one_share(value: float, units: Units) -> Shares:
    """A single share of companies."""
    return Shares(np.array([value]), np.array([units.effective]))


def joined(parts: Sequence[Shares]) -> Shares:
    """The cells of all parts."""
    return Shares(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.effective for part in parts]),
    )


def chance_apart(current: Shares, reference: Shares, tolerance: float) -> Floats:
    """A bound [cells] of the chance that shares lie so far apart where truth is within tolerance.

    To either side. 1 where they lie within the tolerance.
    """
    a, b = current.values, reference.values
    sizes = current.effective, reference.effective
    more = _chance_above(a, b, *sizes, tolerance)
    fewer = _chance_above(1 - a, 1 - b, *sizes, tolerance)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(more, fewer)))


def chance_above(current: Shares, reference: Shares, tolerance: float) -> Floats:
    """As `chance_apart`, for shares that grew."""
    return _chance_above(
        current.values, reference.values, current.effective, reference.effective, tolerance
    )


def benjamini_hochberg(chances: Floats) -> Floats:
    """Chances [n] such that those at most q have a false-discovery rate of q at most.

    Benjamini and Hochberg 1995; valid for columns that hang together positively (Benjamini and
    Yekutieli 2001).

    >>> benjamini_hochberg(np.array([0.01, 0.5, 0.02])).tolist()
    [0.03, 0.5, 0.03]
    """
    count = len(chances)
    order = np.argsort(chances)
    scaled = chances[order] * count / np.arange(1, count + 1)
    values = np.minimum.accumulate(scaled[::-1])[::-1]
    out = np.empty(count)
    out[order] = np.minimum(values, 1.0)
    return out


def _chance_above(
    current: Floats, reference: Floats, units: Floats, reference_units: Floats, tolerance: float
) -> Floats:
    """(1 + x)·exp(−x), x the least of n·KL(current, p + tolerance) + m·KL(reference, p) over p.

    Each summand at the truth is at most an exponential variable, their sum at most a gamma one of
    shape 2, and the least over p is at most the value at the truth.
    """
    chance = np.ones(len(current))
    beyond = (current - reference > tolerance) & (units > 0) & (reference_units > 0)
    if not beyond.any():
        return chance
    a, b = current[beyond], np.clip(reference[beyond], _CLOSEST, 1 - _CLOSEST)
    n, m = units[beyond], reference_units[beyond]
    low, high = b, np.clip(a - tolerance, _CLOSEST, 1 - _CLOSEST)
    for _ in range(HALVINGS):
        p = (low + high) / 2
        q = np.minimum(p + tolerance, 1 - _CLOSEST)
        slope = n * (q - a) / (q * (1 - q)) + m * (p - b) / (p * (1 - p))
        low, high = np.where(slope < 0, p, low), np.where(slope < 0, high, p)
    p = (low + high) / 2
    least = n * _divergence(a, np.minimum(p + tolerance, 1 - _CLOSEST)) + m * _divergence(b, p)
    chance[beyond] = np.exp(np.log1p(least) - least)
    return chance


def _divergence(a: Floats, b: Floats) -> Floats:
    """Kullback and Leibler's divergence [n] of the shares a from b."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one = np.where(a > 0, a * np.log(a / b), 0.0)
        two = np.where(a < 1, (1 - a) * np.log((1 - a) / (1 - b)), 0.0)
    return np.asarray(one + two, dtype=np.float64)
