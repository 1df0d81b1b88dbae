"""How well a score puts those who buy before those who do not.

Weights stand for repeated rows: every measure with integer weights equals the one on the rows so
repeated. Rows of equal score are never told apart; where a cut falls among them, the result is
the expected value over their random order. Measures that need both classes are nan on one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from measures.arrays import Array, dot, ratio, rows


@dataclass(frozen=True, slots=True)
class Gains:
    """The gains curve, from (0, 0) to (1, 1), a point per distinct score, best first.

    `share` [points] is the share of rows taken, `captured` the share of positives among them.
    """

    share: Array
    captured: Array


def auroc(y: ArrayLike, s: ArrayLike, w: ArrayLike | None = None) -> float:
    """The chance that a positive outscores a negative, ties counted half; nan on one class.

    >>> auroc([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.8])
    0.875
    """
    positives, negatives = _by_score(*rows(y, s, w))
    worse = negatives.sum() - np.cumsum(negatives)
    won = dot(positives, worse + negatives / 2)
    return ratio(won, positives.sum() * negatives.sum())


def auroc_influence(y: ArrayLike, s: ArrayLike) -> Array:
    """How far each row [n] moves the AUROC: its influence function, of mean 0.

    From the placements of a row among those of the other class (DeLong, DeLong and Clarke-Pearson
    1988). Raises ValueError where one class is missing.
    """
    labels, scores, _ = rows(y, s)
    won = labels == 1
    if won.all() or not won.any():
        raise ValueError("the AUROC needs rows of both classes")
    placement = np.empty(len(labels))
    placement[won] = _share_below(scores[won], scores[~won])
    placement[~won] = 1 - _share_below(scores[~won], scores[won])
    area = float(placement[won].mean())
    share = float(won.mean())
    return np.asarray((placement - area) / np.where(won, share, 1 - share))


def _share_below(of: Array, among: Array) -> Array:
    """The share of scores that lie below each [n], ties counted half."""
    ordered = np.sort(among)
    both = np.searchsorted(ordered, of, "left") + np.searchsorted(ordered, of, "right")
    return np.asarray(both / (2 * len(among)))


def average_precision(y: ArrayLike, s: ArrayLike, w: ArrayLike | None = None) -> float:
    """Precision at each distinct score, weighted by the recall it adds; nan on one class.

    Without interpolation, as scikit-learn's `average_precision_score`.
    """
    positives, negatives = _by_score(*rows(y, s, w))
    if positives.sum() == 0 or negatives.sum() == 0:
        return float("nan")
    true_positives = np.cumsum(positives)
    selected = true_positives + np.cumsum(negatives)
    precision = np.divide(
        true_positives, selected, out=np.zeros_like(true_positives), where=selected > 0
    )
    return ratio(dot(positives, precision), positives.sum())


def precision_at(y: ArrayLike, s: ArrayLike, share: float, w: ArrayLike | None = None) -> float:
    """The rate of positives among the best `share` of rows; nan without rows.

    The best share of n rows is the ceil(share · n) rows of highest score.
    """
    true_positives, selected, _, _ = _top(*rows(y, s, w), share)
    return ratio(true_positives, selected)


def recall_at(y: ArrayLike, s: ArrayLike, share: float, w: ArrayLike | None = None) -> float:
    """The share of all positives that is among the best `share` of rows; nan without positives."""
    true_positives, _, positives, _ = _top(*rows(y, s, w), share)
    return ratio(true_positives, positives)


def lift_at(y: ArrayLike, s: ArrayLike, share: float, w: ArrayLike | None = None) -> float:
    """Precision among the best `share` of rows over that among all; nan without positives.

    >>> lift_at([1, 0, 0, 0], [0.9, 0.5, 0.2, 0.1], 0.5)
    2.0
    """
    true_positives, selected, positives, total = _top(*rows(y, s, w), share)
    return ratio(true_positives * total, selected * positives)


def gains(y: ArrayLike, s: ArrayLike, w: ArrayLike | None = None) -> Gains:
    """The gains curve; `captured` is nan without positives, both are without weight."""
    positives, negatives = _by_score(*rows(y, s, w))
    true_positives = np.concatenate([[0.0], np.cumsum(positives)])
    selected = np.concatenate([[0.0], np.cumsum(positives + negatives)])
    with np.errstate(invalid="ignore"):
        return Gains(share=selected / selected[-1], captured=true_positives / true_positives[-1])


def _by_score(y: Array, s: Array, w: Array) -> tuple[Array, Array]:
    """Weights of positives and of negatives per distinct score, the highest first."""
    if np.any(s[1:] > s[:-1]):  # the bootstrap hands rows in that are sorted already
        order = np.argsort(-s, kind="stable")
        y, s, w = y[order], s[order], w[order]
    positives, negatives = w * y, w * (1 - y)
    new = s[1:] != s[:-1]
    if np.all(new):
        return positives, negatives
    first = np.flatnonzero(np.concatenate([[True], new]))
    return np.add.reduceat(positives, first), np.add.reduceat(negatives, first)


def _top(y: Array, s: Array, w: Array, share: float) -> tuple[float, float, float, float]:
    """Positives expected among the best rows, how many rows those are, all positives, all rows."""
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}, must be > 0 and <= 1")
    positives, negatives = _by_score(y, s, w)
    each = positives + negatives
    total = float(each.sum())
    # 0.07 · 100 is 7.000000000000001, and is meant to be 7
    size = min(float(np.ceil(round(share * total, 9))), total)
    room = np.clip(size - (np.cumsum(each) - each), 0.0, each)
    part = np.divide(room, each, out=np.zeros_like(each), where=each > 0)
    return dot(positives, part), size, float(positives.sum()), total
