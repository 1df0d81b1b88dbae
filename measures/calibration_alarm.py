"""An alarm that a probability is no longer what it says, that may be read at any time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from measures.arrays import Array, Index, forecasts
from measures.e_processes import log_mean, restarted

ODDS_FACTORS = (1.25, 1.6, 2.5)
"""Alternatives that are mixed: by what factor beyond the tolerance the odds are off."""
CLOSEST = 1e-6
"""Probabilities are kept so far from 0 and 1."""


@dataclass(frozen=True, slots=True)
class CalibrationEvidence:
    """Log evidence after each unit [units] that more, or fewer, come than is stated.

    `last` [units] is the place of the unit's last row.
    """

    more: Array
    fewer: Array
    last: Index

    @property
    def either(self) -> Array:
        """Log evidence [units] that it is one or the other."""
        return log_mean([self.more, self.fewer])


def calibration_evidence(
    y: ArrayLike, p: ArrayLike, units: ArrayLike | None = None, *, tolerance: float = 1.25
) -> CalibrationEvidence:
    """Evidence that probabilities `p` [n] of results `y` [n] are off by more than a tolerance.

    The hypothesis: for each row, the true odds lie within `tolerance` times and 1/`tolerance` of
    the odds stated; no model is calibrated to the last digit, so that one without tolerance is
    always refused in the end. `units` [n] names the independent unit of each row, in the order in
    which they end; the factor of a unit is the geometric mean of those of its rows, which is an
    e-value however they depend on each other (by Hölder's inequality). Factors are likelihood
    ratios of alternatives to the edge of the tolerance (Henzi and Ziegel, Biometrika 2022; Arnold,
    Henzi and Ziegel, Annals of Applied Statistics 2023), and may begin at any unit (`restarted`).
    Raises ValueError for labels, probabilities or a tolerance that cannot be.
    """
    results, stated, _ = forecasts(y, p)
    if not tolerance >= 1:
        raise ValueError(f"tolerance == {tolerance}, must be >= 1")
    names = np.arange(len(results)) if units is None else np.asarray(units)
    code, sizes, last = _units(names)
    logits = np.log(np.clip(stated, CLOSEST, 1 - CLOSEST))
    logits = logits - np.log1p(-np.clip(stated, CLOSEST, 1 - CLOSEST))
    sides = []
    for sign in (1, -1):
        edge = logits + sign * np.log(tolerance)
        factors = [
            np.bincount(code, _log_ratio(results, edge, sign * np.log(f)), len(sizes)) / sizes
            for f in ODDS_FACTORS
        ]
        sides.append(log_mean([restarted(one) for one in factors]))
    return CalibrationEvidence(more=sides[0], fewer=sides[1], last=last)


def _log_ratio(y: Array, edge: Array, shift: float) -> Array:
    """Log likelihood ratio [n] of logits `edge + shift` to `edge`."""
    return np.asarray(y * shift - np.logaddexp(0, edge + shift) + np.logaddexp(0, edge))


def _units(names: np.ndarray) -> tuple[Index, Array, Index]:
    """Each row's unit, counted in the order in which units end; their sizes and last places."""
    _, inverse = np.unique(names, return_inverse=True)
    total = int(inverse.max(initial=-1)) + 1
    last = np.zeros(total, dtype=np.int64)
    last[inverse] = np.arange(len(names))  # the last one stays
    rank = np.empty(total, dtype=np.int64)
    rank[np.argsort(last)] = np.arange(total)
    code = rank[inverse]
    return code, np.bincount(code, minlength=total).astype(np.float64), np.sort(last)
