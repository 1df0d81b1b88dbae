"""E-processes: evidence against a hypothesis that may be read at any time.

An e-process is at least 0 and its expectation, whenever one stops, is at most 1 under the
hypothesis. So it reaches 1/alpha with chance alpha at most (Ville 1939), however often it is read,
and who recomputes it needs to trust nobody. All are given as natural logarithms.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from measures.arrays import Array

Alternative = Literal["below", "above"]
CAP = 0.5
"""The share of what a bet may lose at most that is bet at most."""


def betting_e_process(
    values: ArrayLike,
    *,
    null: float,
    lower: float,
    upper: float,
    alternative: Alternative,
    alpha: float = 0.05,
) -> Array:
    """Log evidence [n] that the mean of independent values [n] lies `below` or `above` `null`.

    Each value lies in `lower`..`upper`, and under the hypothesis its expectation, given those
    before, is at least (alternative `below`) or at most (`above`) `null`. The capital of a gambler
    who bets on each value by the spread of those before it (Waudby-Smith and Ramdas, JRSS-B 2024,
    equations 25 and 26); `alpha` tunes the bets and doesn't touch validity.
    Raises ValueError for values or settings that cannot be.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not lower < null < upper:
        raise ValueError(f"null == {null}, must be > {lower} and < {upper}")
    if not np.all((numbers >= lower) & (numbers <= upper)):
        raise ValueError(f"a value is outside {lower}..{upper}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha == {alpha}, must be in 0..1")
    if not len(numbers):
        return np.zeros(0)
    scaled, mean = (numbers - lower) / (upper - lower), (null - lower) / (upper - lower)
    bets = _bets(scaled, alpha)
    if alternative == "above":
        gains = np.minimum(bets, CAP / mean) * (scaled - mean)
    else:
        gains = np.minimum(bets, CAP / (1 - mean)) * (mean - scaled)
    return np.asarray(np.cumsum(np.log1p(gains)))


def restarted(log_factors: ArrayLike, every: int = 100) -> Array:
    """Log of an e-process [n] that may begin anew every so many steps, from one's log factors.

    A process that began long ago has lost so much while all was well that it hears of a change
    late. Here the j-th beginning gets 1/(j(j + 1)) of the capital, and what is left is kept (a
    mixture over the moment of change; its unweighted sum is the e-detector of Shin, Ramdas and
    Rinaldo 2024). Raises ValueError for an `every` below 1.
    """
    if every < 1:
        raise ValueError(f"every == {every}, must be >= 1")
    factors = np.asarray(log_factors, dtype=np.float64)
    total = np.cumsum(factors)
    begun = np.arange(len(factors)) // every
    count = np.arange(1, len(factors) // every + 2)
    before = np.concatenate([[0.0], total])[(count - 1) * every]
    shares = np.logaddexp.accumulate(-np.log(count) - np.log1p(count) - before)
    return np.asarray(np.logaddexp(total + shares[begun], -np.log1p(count[begun])))


def log_mean(log_values: ArrayLike) -> Array:
    """Log of the mean of e-values over the first axis: an e-value, whatever their dependence.

    >>> float(np.exp(log_mean(np.log([[1.0], [3.0]]))[0]).round(6))
    2.0
    """
    numbers = np.asarray(log_values, dtype=np.float64)
    return np.asarray(np.logaddexp.reduce(numbers, axis=0) - np.log(len(numbers)))


def _bets(values: Array, alpha: float) -> Array:
    """How much to bet on each value in 0..1: by mean and variance of those before it."""
    count = np.arange(1, len(values) + 1)
    mean = (0.5 + np.cumsum(values)) / (count + 1)
    variance = (0.25 + np.cumsum((values - mean) ** 2)) / (count + 1)
    before = np.concatenate([[0.25], variance[:-1]])
    return np.asarray(np.sqrt(2 * np.log(2 / alpha) / (before * count * np.log1p(count))))
