"""The anytime-valid logrank test: do leads of one arm convert sooner, whenever one looks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from measures.arrays import Array, Index
from measures.e_processes import log_mean

HAZARD_RATIOS = (1.1, 1.25, 1.5, 2.0)
"""Alternatives that are mixed: how many times sooner a unit of the one arm converts."""


@dataclass(frozen=True, slots=True)
class RiskSets:
    """At each conversion, in order: how many of either arm could have converted, and who did.

    `moment` [conversions] is in the unit of the input; `challenger` says whose conversion it was.
    """

    moment: Index
    at_risk: Array
    at_risk_challenger: Array
    challenger: np.ndarray


def risk_sets(
    entered: ArrayLike, left: ArrayLike, converted: ArrayLike, challenger: ArrayLike
) -> RiskSets:
    """The risk sets of units [n] that enter and leave at moments, by conversion or without one.

    A unit is at risk within (entered, left]. Conversions of one moment come in the order given,
    each leaving the set before the next. Raises ValueError where a unit leaves before it enters.
    """
    starts, ends = np.asarray(entered, dtype=np.int64), np.asarray(left, dtype=np.int64)
    won, arm = np.asarray(converted, dtype=np.bool_), np.asarray(challenger, dtype=np.bool_)
    if np.any(ends < starts):
        raise ValueError("a unit leaves before it enters")
    order = np.flatnonzero(won & (ends > starts))
    order = order[np.argsort(ends[order], kind="stable")]
    moment, arms = ends[order], arm[order]
    every = [_present(starts, ends, moment), _present(starts[arm], ends[arm], moment)]
    # those of the same moment that converted before
    first = np.searchsorted(moment, moment, side="left")
    place = np.arange(len(order))
    sums = np.concatenate([[0.0], np.cumsum(arms)])
    return RiskSets(
        moment=moment,
        at_risk=every[0] - (place - first),
        at_risk_challenger=every[1] - (sums[place] - sums[first]),
        challenger=arms,
    )


def logrank_e_process(sets: RiskSets, *, null: float = 1.0, faster: bool = True) -> Array:
    """Log evidence [conversions] that challengers convert more than `null` times as fast.

    With `faster` false: less than `null` times as fast. `null` is a hazard ratio. Given the risk
    set, the chance that the conversion is the challenger's is its share of the set, its units
    weighted by the hazard ratio (Cox 1972); the evidence is the likelihood ratio of alternatives to
    it, mixed over `HAZARD_RATIOS` (ter Schure, Pérez-Ortiz, Ly and Grünwald, NEJSDS 2024). Where
    arms are drawn at random it needs no model of hazards for `null` 1: whoever converts is any of
    those at risk. Raises ValueError for a `null` that is no ratio.
    """
    if not null > 0:
        raise ValueError(f"null == {null}, must be > 0")
    if not len(sets.moment):
        return np.zeros(0)
    steps = [ratio if faster else 1 / ratio for ratio in HAZARD_RATIOS]
    under = _log_chance(sets, null)
    return log_mean([np.cumsum(_log_chance(sets, null * step) - under) for step in steps])


def _log_chance(sets: RiskSets, ratio: float) -> Array:
    """Log chance [conversions] of who converted, where the challenger's hazard is `ratio` times."""
    mine = ratio * sets.at_risk_challenger
    others = sets.at_risk - sets.at_risk_challenger
    return np.asarray(np.log(np.where(sets.challenger, mine, others) / (mine + others)))


def _present(entered: Index, left: Index, moments: Index) -> Array:
    """How many are at risk at moments [k]: entered before, and not yet gone."""
    starts = np.searchsorted(np.sort(entered), moments, side="left")
    ends = np.searchsorted(np.sort(left), moments, side="left")
    return np.asarray(starts - ends, dtype=np.float64)
