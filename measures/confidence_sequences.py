"""Confidence sequences: bounds of a mean that hold at all looks together.

A confidence interval that is read every day is wrong on some day far more often than it says.
The bounds here hold at all looks together with probability `level`, however many there are and
whatever is decided after each.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import lambertw

from domain.measurement import Interval
from measures.arrays import Array, Index

FEWEST = 100
"""Units before which nothing is bounded: the guarantee is one of large numbers."""


@dataclass(frozen=True, slots=True)
class ConfidenceSequence:
    """The mean so far at each look [looks], and the bounds of what it is an estimate of.

    `units` [looks] is the effective number of independent units; bounds are infinite while there
    are too few.
    """

    looks: Index
    units: Array
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
    units: ArrayLike | None = None,
    *,
    level: float = 0.95,
    best_at: float = 1000.0,
    fewest: float = FEWEST,
    looks: ArrayLike | None = None,
) -> ConfidenceSequence:
    """Asymptotic, anytime-valid bounds of the mean of values [n], in the order in which they came.

    `units` [n] names the independent unit, such as an account, that each value belongs to; by
    default each is its own. Values of one unit may depend on each other. `looks` are the counts of
    values, ascending, after which to look; by default after each. `best_at` is the number of
    units at which the bounds are closest; it must not depend on the values.

    The normal mixture boundary around the running mean (Waudby-Smith, Arbour, Sinha, Kennedy and
    Ramdas, Annals of Statistics 2024, theorem 2.2), with the variance of sums by unit in place of
    that of values. Where sums of a unit grow over time with increments that are not negatively
    correlated, looks are more alike than those of a random walk of the same variance, and the
    boundary is crossed no more often (Slepian 1962); for the other case the variance is never
    taken below that of independent values. The number of units is the effective one, (Σ size)² /
    Σ size², so that one large account counts as few.
    Raises ValueError for values, looks or settings that cannot be.
    """
    numbers = np.asarray(values, dtype=np.float64)
    at = np.arange(1, len(numbers) + 1) if looks is None else np.asarray(looks, dtype=np.int64)
    names = np.arange(len(numbers)) if units is None else np.asarray(units)
    _check(numbers, names, at)
    if not (0 < level < 1 and best_at >= 1 and fewest >= 2):
        raise ValueError(
            f"level == {level}, must be in 0..1; best_at == {best_at}, must be >= 1; "
            f"fewest == {fewest}, must be >= 2"
        )
    effective, value, spread = (column[at - 1] for column in _running(numbers, names))
    radius = np.full(len(at), np.inf)
    enough = effective >= fewest
    growth = boundary(effective[enough], 1 - level, best_precision(best_at, 1 - level))
    scale = np.sqrt(spread[enough] / np.maximum(effective[enough] - 1, 1))
    radius[enough] = scale * growth / at[enough]
    return ConfidenceSequence(at, effective, value, value - radius, value + radius, level)


def functional_interval(
    value: float,
    influence: ArrayLike,
    units: ArrayLike,
    *,
    level: float = 0.95,
    best_at: float = 1000.0,
    fewest: float = FEWEST,
) -> Interval:
    """The bounds at one look of an estimate that isn't a mean, as an AUROC.

    `influence` [n] says how far each row moves it (its influence function, of mean 0): the
    estimate is asymptotically their mean, and so are its bounds (Waudby-Smith and others 2024,
    section 3). Other arguments, and errors, as of `confidence_sequence`.
    """
    moved = np.asarray(influence, dtype=np.float64)
    sequence = confidence_sequence(
        moved - moved.mean(),
        units,
        level=level,
        best_at=best_at,
        fewest=fewest,
        looks=[len(moved)],
    )
    radius = float(sequence.high[0] - sequence.value[0])
    return Interval(value=value, low=value - radius, high=value + radius, level=level)


def effective_units(units: ArrayLike) -> float:
    """How many units of one size the units of values [n] count as: n² / Σ size²; 0 of none.

    >>> effective_units([1, 1, 2])
    1.8
    """
    _, sizes = np.unique(np.asarray(units), return_counts=True)
    return float(sizes.sum() ** 2 / (sizes.astype(np.float64) ** 2).sum()) if len(sizes) else 0.0


def boundary(time: Array, alpha: float, precision: float) -> Array:
    """How far a random walk of unit steps strays from 0, at times [n], but with chance `alpha`.

    Robbins' two-sided normal mixture of that `precision` (Howard, Ramdas, McAuliffe and Sekhon,
    Annals of Statistics 2021, equation 14).
    """
    grown = np.asarray(time, dtype=np.float64) + precision
    return np.asarray(np.sqrt(grown * np.log(grown / (precision * alpha**2))))


def best_precision(best_at: float, alpha: float) -> float:
    """The precision of the mixture whose boundary is lowest at a time (Howard and others 2021).

    >>> round(best_precision(1000, 0.05), 3)
    121.773
    """
    branch = lambertw(-(alpha**2) / np.e, -1).real
    return float(best_at / (-branch - 1))


def arm_differences(y: ArrayLike, challenger: ArrayLike, share: ArrayLike) -> Array:
    """Values [n] whose expectation is the challenger's rate less the champion's.

    `y` [n] are results in 0..1, `challenger` [n] says which arm each came from, `share` is the
    chance with which an arm was drawn to be the challenger, one or [n]. They lie in
    −1/(1 − share)..1/share (inverse propensity weights: Horvitz and Thompson 1952). The mean of
    earlier results is subtracted from each, which leaves the expectation as it is and makes the
    spread smaller.
    """
    chance = np.asarray(share, dtype=np.float64)
    if not np.all((chance > 0) & (chance < 1)):
        raise ValueError("a share is not > 0 and < 1")
    results, drawn = np.asarray(y, dtype=np.float64), np.asarray(challenger, dtype=np.bool_)
    count = np.arange(len(results))
    earlier = np.concatenate([[0.0], np.cumsum(results)[:-1]])[: len(results)]
    centred = results - earlier / np.maximum(count, 1)
    return np.asarray(np.where(drawn, centred / chance, -centred / (1 - chance)))


def _running(values: Array, units: np.ndarray) -> tuple[Array, Array, Array]:
    """After each value: effective units, mean, and the squared deviations of sums by unit."""
    sums, sizes = _before(values, units)
    count = np.arange(1, len(values) + 1)
    squares = np.cumsum(values * (2 * sums + values))
    products = np.cumsum(values * (sizes + 1) + sums)
    counts = np.cumsum(2 * sizes + 1)
    mean = np.cumsum(values) / count
    by_unit = squares - 2 * mean * products + mean**2 * counts
    alone = np.cumsum(values**2) - count * mean**2
    effective = count.astype(np.float64) ** 2 / counts
    return effective, mean, np.maximum(np.maximum(by_unit, alone), 0.0)


def _before(values: Array, units: np.ndarray) -> tuple[Array, Array]:
    """The sum of the values of the same unit before each [n], and how many they are."""
    _, seen, code = np.unique(units, return_index=True, return_inverse=True)
    units = seen[code]  # by their first values: names don't change a sum's last digit
    order = np.argsort(units, kind="stable")
    sorted_units, sorted_values = units[order], values[order]
    first = np.concatenate([[True], sorted_units[1:] != sorted_units[:-1]])[: len(values)]
    place = np.arange(len(values))
    start = np.maximum.accumulate(np.where(first, place, 0))
    total = np.concatenate([[0.0], np.cumsum(sorted_values)])
    sums, sizes = np.empty(len(values)), np.empty(len(values))
    sums[order] = total[place] - total[start]
    sizes[order] = place - start
    return sums, sizes


def _check(values: Array, units: np.ndarray, looks: Index) -> None:
    if values.ndim != 1 or units.shape != values.shape:
        raise ValueError(f"values and units have shapes {values.shape}, {units.shape}, not [n]")
    if not np.all(np.isfinite(values)):
        raise ValueError("a value is not finite")
    rising = len(looks) and looks[0] >= 1 and looks[-1] <= len(values)
    if not rising or np.any(np.diff(looks) <= 0):
        raise ValueError(f"looks must ascend within 1..{len(values)}, and be one at least")
