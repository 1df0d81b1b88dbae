"""Uplift: what an action changes, lead by lead, and how well leads are ranked by it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from domain.measurement import Interval
from measures.arrays import Array
from measures.confidence_sequences import FEWEST, functional_interval


@dataclass(frozen=True, slots=True)
class QiniCurve:
    """Conversions gained by treating the `targeted` first by predicted uplift; both begin at 0."""

    targeted: Array
    gained: Array


def qini_curve(y: ArrayLike, treated: ArrayLike, uplift: ArrayLike) -> QiniCurve:
    """The Qini curve of leads [n] whose treatment was drawn with one chance for all.

    After each distinct predicted uplift: conversions of the treated less those of the others,
    scaled to as many (Radcliffe 2007; ties count as one step, as in scikit-uplift 0.5).
    """
    rewards, chosen = np.asarray(y, np.float64), np.asarray(treated, np.float64)
    score = np.asarray(uplift, np.float64)
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, len(score) > 0))
    treated_so_far = np.cumsum(chosen[order])[ends]
    others = ends + 1 - treated_so_far
    won = np.cumsum((rewards * chosen)[order])[ends]
    won_by_others = np.cumsum((rewards * (1 - chosen))[order])[ends]
    scale = np.divide(treated_so_far, others, out=np.zeros(len(ends)), where=others > 0)
    gained = won - won_by_others * scale
    return QiniCurve(
        targeted=np.concatenate([[0.0], ends + 1.0]), gained=np.concatenate([[0.0], gained])
    )


def pseudo_outcomes(
    y: ArrayLike,
    treated: ArrayLike,
    chance: ArrayLike,
    with_treatment: ArrayLike,
    without: ArrayLike,
) -> Array:
    """Values [n] whose expectation, given what is known of a lead, is its uplift.

    `chance` [n] is the recorded one of being treated; `with_treatment` and `without` [n] are what
    models that did not see the lead say of its conversion with and without it: doubly robust scores
    (Robins and Rotnitzky 1995; Kennedy 2023). Raises ValueError for a chance of 0 or 1.
    """
    chances = np.asarray(chance, np.float64)
    if len(chances) and not (chances.min() > 0 and chances.max() < 1):
        raise ValueError("a chance of being treated is not > 0 and < 1")
    rewards, chosen = np.asarray(y, np.float64), np.asarray(treated, np.float64)
    one, other = np.asarray(with_treatment, np.float64), np.asarray(without, np.float64)
    residual = rewards - np.where(chosen > 0, one, other)
    weight = chosen / chances - (1 - chosen) / (1 - chances)
    return np.asarray(one - other + weight * residual)


def gain_curve(pseudo: ArrayLike, uplift: ArrayLike) -> QiniCurve:
    """Conversions per lead gained by treating the first share by predicted uplift.

    `targeted` is a share, of 0..1; `pseudo` [n] are `pseudo_outcomes`, so that chances of being
    treated may differ between leads.
    """
    values, score = np.asarray(pseudo, np.float64), np.asarray(uplift, np.float64)
    order = np.argsort(-score, kind="stable")
    n = max(len(values), 1)
    return QiniCurve(
        targeted=np.arange(len(values) + 1) / n,
        gained=np.concatenate([[0.0], np.cumsum(values[order])]) / n,
    )


def qini_coefficient(
    pseudo: ArrayLike,
    uplift: ArrayLike,
    units: ArrayLike,
    *,
    level: float = 0.95,
    fewest: float = FEWEST,
) -> Interval:
    """The area between the gain curve and the line to its end, with anytime-valid bounds.

    0 where ranking by uplift is no better than any order; the rank-weighted average treatment
    effect with Qini weights (Yadlowsky and others 2024). The prediction must not have seen the
    lead it is of. Leads with the same prediction share their rank.
    """
    values, score = np.asarray(pseudo, np.float64), np.asarray(uplift, np.float64)
    weight = _above(score) - 0.5
    weight = weight - weight.mean() if len(weight) else weight
    terms = weight * values
    # ranks are estimated as well: what each lead adds to the ranks of all others
    influence = terms + _of_others(values, score)
    return functional_interval(float(terms.mean()), influence, units, level=level, fewest=fewest)


def _above(score: Array) -> Array:
    """The share of leads [n] that come after each, those of the same prediction by half."""
    ordered = np.sort(score)
    below = np.searchsorted(ordered, score, side="left")
    upto = np.searchsorted(ordered, score, side="right")
    return np.asarray((below + upto) / (2 * max(len(score), 1)))


def _of_others(values: Array, score: Array) -> Array:
    """The mean of the values of leads that come before each [n], those of the same by half."""
    order = np.argsort(score, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(values[order])])
    ordered = score[order]
    below = total[np.searchsorted(ordered, score, side="left")]
    upto = total[np.searchsorted(ordered, score, side="right")]
    return np.asarray((total[-1] - (below + upto) / 2) / max(len(score), 1))
