"""Confidence that may be looked at at any time: for canaries that are judged every day.

A confidence interval that is read every day is wrong on some day far more often than it says.
The bounds here hold at all looks together with probability `level`, however many there are and
whatever is decided after each.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammainc, gammaln

from domain.measurement import Interval
from measures.arrays import Array, Index

HALVINGS = 60
"""Steps of the bisection that finds a bound: enough for the last digit."""


@dataclass(frozen=True, slots=True)
class ConfidenceSequence:
    """The mean so far at each look [looks], and the bounds of what it is an estimate of."""

    looks: Index
    value: Array
    low: Array
    high: Array
    level: float

    @property
    def last(self) -> Interval:
        """The state at the last look."""
        return Interval(
            value=float(self.value[-1]),
            low=float(self.low[-1]),
            high=float(self.high[-1]),
            level=self.level,
        )


def confidence_sequence(
    values: ArrayLike,
    *,
    lower: float,
    upper: float,
    level: float = 0.95,
    looks: ArrayLike | None = None,
    tuned: float = 10.0,
) -> ConfidenceSequence:
    """Anytime-valid bounds of the mean of values [n], in the order in which they came.

    Each value lies in `lower`..`upper`. Its expectation, given those before, may change over time:
    the bounds are of the mean of these expectations so far, and are not to be intersected over
    looks. Values that depend on each other, as the leads of one account do, must be added up first.
    `looks` are the counts of values, ascending, after which to look; by default after each.

    The empirical Bernstein supermartingale with a gamma mixture (Howard, Ramdas, McAuliffe and
    Sekhon 2021, theorem 4 and proposition 9). `tuned` is the sum of squared deviations, in units of
    (upper − lower)², at which the bounds are closest; it must not depend on the values.
    Raises ValueError for values, bounds, looks, a level or a tuning that cannot be.
    """
    seen = np.asarray(values, dtype=np.float64)
    at = np.arange(1, len(seen) + 1) if looks is None else np.asarray(looks, dtype=np.int64)
    _check(seen, at, lower, upper)
    if not (0 < level < 1 and tuned > 0):
        raise ValueError(f"level == {level}, must be in 0..1; tuned == {tuned}, must be > 0")
    width = upper - lower
    sums = np.cumsum(seen)
    count = np.arange(1, len(seen) + 1)
    # Each value is predicted from those before it, the first as the value nearest to 0.
    start = min(max(0.0, lower), upper)
    predicted = (start + np.concatenate([[0.0], sums[:-1]])) / count
    spread = np.cumsum(((seen - predicted) / width) ** 2)
    mean = sums[at - 1] / at
    margin = width * _boundary(spread[at - 1], tuned, 1 - level) / at
    return ConfidenceSequence(
        looks=np.asarray(at, dtype=np.int64),
        value=mean,
        low=np.maximum(mean - margin, lower),
        high=np.minimum(mean + margin, upper),
        level=level,
    )


def arm_differences(y: ArrayLike, challenger: ArrayLike, share: float) -> Array:
    """Values [n] whose expectation is the challenger's rate less the champion's.

    `y` [n] are results in 0..1, `challenger` [n] says which arm each came from, `share` is the
    chance with which an arm was drawn to be the challenger. They lie in −1/(1 − share)..1/share
    (inverse propensity weights: Horvitz and Thompson 1952).
    """
    if not 0 < share < 1:
        raise ValueError(f"share == {share}, must be > 0 and < 1")
    results, drawn = np.asarray(y, dtype=np.float64), np.asarray(challenger, dtype=np.bool_)
    return np.asarray(np.where(drawn, results / share, -results / (1 - share)))


def _check(values: Array, looks: Index, lower: float, upper: float) -> None:
    if not lower < upper:
        raise ValueError(f"lower == {lower}, must be < upper == {upper}")
    if not np.all((values >= lower) & (values <= upper)):
        raise ValueError(f"a value is outside {lower}..{upper}")
    rising = len(looks) and looks[0] >= 1 and looks[-1] <= len(values)
    if not rising or np.any(np.diff(looks) <= 0):
        raise ValueError(f"looks must ascend within 1..{len(values)}, and be one at least")


def _boundary(spread: Array, tuned: float, alpha: float) -> Array:
    """How far sums stray from their expectation, to either side, with probability 1 − alpha."""
    # The cut-off gamma that is close to the best at `tuned`, as of Howard and others 2021.
    odds = 2 * np.log(1 / alpha)
    rho = tuned / (odds + np.log1p(odds))
    goal = np.log(2 / alpha)
    low, high = np.zeros_like(spread), np.ones_like(spread)
    while np.any(short := _log_mixture(high, spread, rho) < goal):
        high = np.where(short, 2 * high, high)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = _log_mixture(middle, spread, rho) < goal
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(high)


def _log_mixture(sums: Array, spread: Array, rho: float) -> Array:
    """Logarithm of ∫ exp(λ·s − ψ(λ)·v) f(λ) dλ over 0..1, where ψ(λ) = −ln(1 − λ) − λ.

    f makes 1 − λ a gamma variable of shape and rate `rho`, cut off at 1.
    """
    shape, rate = spread + rho, sums + spread + rho
    norm = rho * np.log(rho) - gammaln(rho) - np.log(gammainc(rho, rho))
    inner = gammaln(shape) + np.log(gammainc(shape, rate)) - shape * np.log(rate)
    return np.asarray(norm + inner + sums + spread)
