"""Off-policy evaluation: what a policy is worth, from decisions that another one drew at random.

A row is one decision: its reward, the chance (propensity) with which its action was drawn, and
whether the policy in question takes that action too. Its weight is 1/propensity where it does, and
0 where it does not, so that weighted rewards have the policy's own value for expectation.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from domain.measurement import Interval
from measures.arrays import Array
from measures.confidence_sequences import FEWEST, confidence_sequence, functional_interval

FOLDS = 5


@dataclass(frozen=True, slots=True)
class OffPolicyValue:
    """A policy's mean reward by three estimators, each with anytime-valid bounds.

    `effective` is how many rows of one weight the rows count as (Kish 1965).
    """

    inverse_propensity: Interval
    self_normalised: Interval
    doubly_robust: Interval
    effective: float


def importance_weights(follows: ArrayLike, propensity: ArrayLike) -> Array:
    """Weights [n]: 1/propensity where the policy takes the action that was drawn, else 0.

    `follows` [n] is the chance with which it takes that action: 0 or 1 where it draws none.
    Raises ValueError for a propensity outside (0, 1].

    >>> importance_weights([1, 0], [0.25, 0.5]).tolist()
    [4.0, 0.0]
    """
    matches, chance = (
        np.asarray(follows, dtype=np.float64),
        np.asarray(propensity, dtype=np.float64),
    )
    if len(chance) and not (chance.min() > 0 and chance.max() <= 1):
        raise ValueError("a propensity is not > 0 and <= 1")
    return np.asarray(matches / chance)


def inverse_propensity_terms(reward: ArrayLike, weight: ArrayLike) -> Array:
    """Terms [n] whose mean is the policy's value (Horvitz and Thompson 1952).

    >>> inverse_propensity_terms([1.0, 1.0], [4.0, 0.0]).mean()
    2.0
    """
    return np.asarray(np.asarray(weight, np.float64) * np.asarray(reward, np.float64))


def self_normalised(reward: ArrayLike, weight: ArrayLike) -> tuple[float, Array]:
    """The ratio Σ weight · reward / Σ weight (Hájek 1971), and its influence function [n].

    NaN, and an influence of 0, where no weight is above 0.
    """
    weights, rewards = np.asarray(weight, np.float64), np.asarray(reward, np.float64)
    total = float(weights.sum())
    if total <= 0:
        return float("nan"), np.zeros(len(weights))
    value = float((weights * rewards).sum()) / total
    return value, np.asarray(weights * (rewards - value) * (len(weights) / total))


def doubly_robust_terms(
    reward: ArrayLike, weight: ArrayLike, told_drawn: ArrayLike, told_taken: ArrayLike
) -> Array:
    """Terms [n] whose mean is the policy's value (Dudík, Langford and Li 2011, equation 3).

    `told_drawn` [n] is what a model of rewards says of the drawn action, `told_taken` [n] of the
    action that the policy takes. The model may be wrong where the propensities are right; it
    must not have seen the row (`crossed_ridge`).
    """
    drawn, followed = np.asarray(told_drawn, np.float64), np.asarray(told_taken, np.float64)
    residual = np.asarray(reward, np.float64) - drawn
    return np.asarray(followed + np.asarray(weight, np.float64) * residual)


def effective_rows(weight: ArrayLike) -> float:
    """(Σ weight)² / Σ weight² (Kish 1965); 0 where all are 0.

    >>> effective_rows([1.0, 1.0, 0.0])
    2.0
    """
    weights = np.asarray(weight, np.float64)
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def off_policy_value(
    reward: ArrayLike,
    weight: ArrayLike,
    told_drawn: ArrayLike,
    told_taken: ArrayLike,
    units: ArrayLike,
    *,
    level: float = 0.95,
    fewest: float = FEWEST,
) -> OffPolicyValue:
    """All three estimates of rows [n], in the order in which they came.

    `units` [n] names the independent unit of each row, such as its account. Bounds hold at all
    looks together (`measures.confidence_sequences`); they are infinite below `fewest` units.
    """
    ratio, influence = self_normalised(reward, weight)
    return OffPolicyValue(
        inverse_propensity=mean_bounds(
            inverse_propensity_terms(reward, weight), units, level, fewest
        ),
        self_normalised=functional_interval(ratio, influence, units, level=level, fewest=fewest),
        doubly_robust=mean_bounds(
            doubly_robust_terms(reward, weight, told_drawn, told_taken), units, level, fewest
        ),
        effective=effective_rows(weight),
    )


def mean_bounds(
    terms: ArrayLike, units: ArrayLike, level: float = 0.95, fewest: float = FEWEST
) -> Interval:
    """The mean of terms [n], with anytime-valid bounds by unit, at the last of them."""
    values = np.asarray(terms, np.float64)
    return confidence_sequence(values, units, level=level, fewest=fewest, looks=[len(values)]).last


def betting_bounds(
    terms: ArrayLike, *, least: float = 0.0, mirrored: ArrayLike, level: float = 0.95
) -> Interval:
    """Bounds of a mean in 0..1 that hold at all looks and all sizes, however heavy the weights.

    `terms` [n] are of independent units, at least −`least` and without an upper end, in the order
    in which they came; `mirrored` [n] are the terms of one less the reward, whose mean is one less
    the value. The predictable plug-in empirical Bernstein sequence for off-policy values
    (Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro 2022, theorem 2), each side at half of
    what `level` leaves, with the closest bound of all looks so far.
    """
    values, others = np.asarray(terms, np.float64), np.asarray(mirrored, np.float64)
    if values.shape != others.shape:
        raise ValueError(f"terms have shapes {values.shape} and {others.shape}, must be alike")
    side = (1 - level) / 2
    low, high = _lower(values, least, side), 1 - _lower(others, least, side)
    value = float(values.mean()) if len(values) else float("nan")
    return Interval(value=value, low=max(low, 0.0), high=min(high, 1.0), level=level)


def _lower(terms: Array, least: float, alpha: float) -> float:
    """The highest lower bound of any look; −infinity of no terms."""
    if not len(terms):
        return -np.inf
    if terms.min() < -least:
        raise ValueError(f"a term is {terms.min()}, must be >= {-least}")
    scaled = terms / (least + 1)
    count = np.arange(1, len(terms) + 1)
    capped = np.minimum(scaled, 1.0)  # what is bet on must be foreseen, not what is won
    mean = (0.5 + np.cumsum(capped)) / (count + 1)
    variance = (0.25 + np.cumsum((scaled - mean) ** 2)) / (count + 1)
    mean_before = np.concatenate([[0.5], mean[:-1]])
    variance_before = np.concatenate([[0.25], variance[:-1]])
    bets = np.sqrt(2 * np.log(1 / alpha) / (variance_before * count * np.log1p(count)))
    bets = np.minimum(bets, 0.5)
    price = -np.log1p(-bets) - bets
    spent = np.cumsum((scaled - mean_before) ** 2 * price)
    bounds = (np.cumsum(bets * scaled) - np.log(1 / alpha) - spent) / np.cumsum(bets)
    return float(bounds.max()) * (least + 1)


def crossed_ridge(
    rows: ArrayLike,
    reward: ArrayLike,
    units: ArrayLike,
    others: tuple[ArrayLike, ...],
    *,
    penalty: float = 1.0,
    folds: int = FOLDS,
) -> tuple[Array, ...]:
    """What a linear model says of rows [n, k] of `others`, for each unit made without that unit.

    Ridge regression of `reward` [n] on `rows` [n, k], of which the first column is the constant
    and is not drawn to 0; units fall into folds by their order of appearance (cross-fitting:
    Chernozhukov and others 2018). Each of `others` has the same shape as `rows`.
    """
    design, y = np.asarray(rows, np.float64), np.asarray(reward, np.float64)
    _, first, code = np.unique(np.asarray(units), return_index=True, return_inverse=True)
    fold = np.argsort(np.argsort(first))[code] % folds
    outside = [np.zeros(len(y)) for _ in others]
    for each in range(min(folds, len(first))):
        test, train = fold == each, fold != each
        weights = _ridge(design[train], y[train], penalty)
        for answers, matrix in zip(outside, others, strict=True):
            answers[test] = np.asarray(matrix, np.float64)[test] @ weights
    return tuple(outside)


def _ridge(rows: Array, y: Array, penalty: float) -> Array:
    shrink = penalty * np.eye(rows.shape[1])
    shrink[0, 0] = 1e-9
    return np.asarray(np.linalg.solve(rows.T @ rows + shrink, rows.T @ y))
