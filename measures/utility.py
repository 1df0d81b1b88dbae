"""What a score is worth to someone who acts on it at a threshold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from measures.arrays import Array, Index, forecasts, ratio


@dataclass(frozen=True, slots=True)
class DecisionCurve:
    """Net benefit [thresholds] of acting on the score, and of acting on everyone.

    That of acting on no one is 0.
    """

    thresholds: Array
    score: Array
    everyone: Array


def net_benefit(y: ArrayLike, p: ArrayLike, threshold: float, w: ArrayLike | None = None) -> float:
    """True positives less false ones at the threshold's odds, per row (Vickers and Elkin 2006).

    TP/n − FP/n · t/(1 − t), where those with probability >= t are acted on: t is the probability
    at which acting is just worth while. nan without weight. Raises ValueError unless 0 <= t < 1.

    >>> net_benefit([1, 1, 0, 0], [0.9, 0.2, 0.6, 0.1], 0.5)
    0.0
    """
    return float(decision_curve(y, p, [threshold], w).score[0])


def decision_curve(
    y: ArrayLike, p: ArrayLike, thresholds: ArrayLike, w: ArrayLike | None = None
) -> DecisionCurve:
    """Net benefit over thresholds, beside that of acting on everyone."""
    labels, chances, weights = forecasts(y, p, w)
    cuts = np.asarray(thresholds, dtype=np.float64)
    if cuts.ndim != 1 or not np.all((cuts >= 0) & (cuts < 1)):
        raise ValueError("a threshold is outside 0..1, must be >= 0 and < 1")
    order = np.argsort(chances, kind="stable")
    at = np.searchsorted(chances[order], cuts, side="left")
    return DecisionCurve(
        thresholds=cuts,
        score=_benefit(labels[order], weights[order], at, cuts),
        everyone=_benefit(labels, weights, np.zeros_like(at), cuts),
    )


def _benefit(y: Array, w: Array, at: Index, cuts: Array) -> Array:
    """Net benefit where the rows from `at` on are acted on."""
    true = np.concatenate([np.cumsum((w * y)[::-1])[::-1], [0.0]])[at]
    false = np.concatenate([np.cumsum((w * (1 - y))[::-1])[::-1], [0.0]])[at]
    return np.asarray((true - false * cuts / (1 - cuts)) * ratio(1.0, w.sum()))
