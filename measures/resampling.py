"""Many measures of the same rows on the same draws of groups: the cluster bootstrap, in bulk.

As `measures.bootstrap`, and with its draws, but for all draws at once and for all measures of a
score together. As every measure is taken on the same draws, any two can be subtracted from each
other, draw by draw: what two scores share cancels out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from domain.measurement import Interval
from measures.arrays import Array, places, rows
from measures.bootstrap import between, multiplicities, wilson

CELLS = 2_000_000
"""Weights held at a time: bounds memory."""


@dataclass(frozen=True, slots=True, eq=False)
class ResampledMeasure:
    """A measure, and what it is on each draw [draws]; nan where it is not defined."""

    value: float
    draws: Array

    def interval(self, level: float = 0.95) -> Interval:
        """The measure between percentiles of its draws."""
        return between(self.value, self.draws, level)

    def __sub__(self, other: "ResampledMeasure") -> "ResampledMeasure":
        return ResampledMeasure(self.value - other.value, self.draws - other.draws)


class Resampling:
    """Draws of whole groups. `groups` [n] names the group of each row, `w` [n] weighs it."""

    def __init__(
        self,
        groups: NDArray[Any] | None,
        n: int,
        *,
        seed: int,
        draws: int = 500,
        w: ArrayLike | None = None,
    ) -> None:
        self.w = np.ones(n) if w is None else np.asarray(w, dtype=np.float64)
        self._count, self._place = places(groups, n)
        draws_of_rows = list(multiplicities(self._count, draws, seed))
        # no group is drawn 256 times: of n it is drawn once on average, as Poisson counts are
        self._drawn = np.array(draws_of_rows, dtype=np.uint8).reshape(
            len(draws_of_rows), self._count
        )

    def ratios(self, top: ArrayLike, bottom: ArrayLike | None = None) -> list[ResampledMeasure]:
        """Weighted sums of columns `top` [n, k] over those of `bottom` [n, k], by default rows.

        So are means, rates among some of the rows, and net benefits.
        """
        above = np.asarray(top, dtype=np.float64)
        below = np.ones_like(above) if bottom is None else np.asarray(bottom, dtype=np.float64)
        sums = self._summed(above), self._summed(below)
        parts = []
        with np.errstate(invalid="ignore", divide="ignore"):
            for times in self._times(max(self._count, 1)):
                up, down = (np.einsum("dg,gk->dk", times, each) for each in sums)
                parts.append(np.where(down == 0, np.nan, up / down))
        return _measures_of(np.concatenate(parts))

    def mean(self, values: Array, among: NDArray[Any] | None = None) -> ResampledMeasure:
        """The weighted mean of values [n], of the rows `among` [n] which is 1."""
        mask = np.ones(len(values)) if among is None else among.astype(np.float64)
        return self.ratios((values * mask)[:, None], mask[:, None])[0]

    def effective(self, among: Array) -> Array:
        """As how many independent rows those where columns `among` [n, k] are 1 count [k].

        Each group counts as one row of its weight (Kish 1965): no more than there are groups.
        """
        sums = self._summed(among)
        square = (sums**2).sum(axis=0)
        part = np.divide(sums.sum(axis=0) ** 2, square, out=np.zeros_like(square), where=square > 0)
        return np.asarray(part, dtype=np.float64)

    def ranking(
        self, y: ArrayLike, s: ArrayLike, shares: Sequence[float]
    ) -> dict[str, ResampledMeasure]:
        """`auroc`, `average_precision`, and `precision`, `recall`, `lift` at each top share.

        Those are named `lift_at_10pct` and so on. Equal to `measures.ranking` on every draw.
        """
        labels, scores, _ = rows(y, s, self.w)
        order = np.argsort(-scores, kind="stable")
        labels, scores, place = labels[order], scores[order], self._place[order]
        first = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
        each = np.stack([self.w[order] * labels, self.w[order] * (1 - labels)])
        parts = []
        for times in self._times(len(labels)):
            up, down = (np.add.reduceat(times[:, place] * e, first, axis=1) for e in each)
            parts.append(_ranked(up, down, shares))
        return {
            name: _measures_of(np.concatenate([part[name] for part in parts])[:, None])[0]
            for name in parts[0]
        }

    def _summed(self, columns: Array) -> Array:
        """Sums of weighted columns by group [groups, k]."""
        sums = [np.bincount(self._place, self.w * c, self._count) for c in columns.T]
        return np.stack(sums, axis=1)

    def _times(self, width: int) -> Iterator[Array]:
        """How often each group counts [draws, groups]: first once each, then as drawn."""
        at_once = max(CELLS // max(width, self._count), 1)
        yield np.ones((1, self._count))
        for start in range(0, len(self._drawn), at_once):
            yield self._drawn[start : start + at_once].astype(np.float64)


def share_of(drawn: ResampledMeasure, size: float, level: float = 0.95) -> Interval:
    """A share with its interval: of the draws, or where it is 0 or 1 of Wilson, at `size` rows.

    Draws of rows that are all alike are alike, and would promise that nothing else can come.
    """
    if size and drawn.value in (0.0, 1.0):
        return wilson(drawn.value, float(size), level)
    return drawn.interval(level)


def _measures_of(columns: Array) -> list[ResampledMeasure]:
    """Of each column the first as the value, the others as its draws."""
    return [ResampledMeasure(float(column[0]), column[1:]) for column in columns.T]


def _ranked(positives: Array, negatives: Array, shares: Sequence[float]) -> dict[str, Array]:
    """Measures [draws] of the weights of positives and negatives [draws, scores], best first."""
    true_positives, missed = np.cumsum(positives, axis=1), np.cumsum(negatives, axis=1)
    selected, all_found, all_missed = true_positives + missed, true_positives[:, -1], missed[:, -1]
    some = (all_found > 0) & (all_missed > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        won = (positives * (all_missed[:, None] - missed + negatives / 2)).sum(axis=1)
        precise = np.where(selected > 0, true_positives / selected, 0.0)
        measures = {
            "auroc": won / (all_found * all_missed),
            "average_precision": (positives * precise).sum(axis=1) / all_found,
        }
        measures = {name: np.where(some, values, np.nan) for name, values in measures.items()}
        for share in shares:
            hits, size = _top(true_positives, selected, share)
            named = f"at_{100 * share:g}pct"
            measures[f"precision_{named}"] = hits / size
            measures[f"recall_{named}"] = hits / all_found
            measures[f"lift_{named}"] = hits * selected[:, -1] / (size * all_found)
    return measures


def _top(true_positives: Array, selected: Array, share: float) -> tuple[Array, Array]:
    """Positives expected among the best rows, and how many rows those are [draws]."""
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}, must be > 0 and <= 1")
    total = selected[:, -1]
    size = np.minimum(np.ceil(np.round(share * total, 9)), total)
    at = np.minimum((selected < size[:, None]).sum(axis=1), selected.shape[1] - 1)
    before, row = np.maximum(at - 1, 0), np.arange(len(at))
    start = np.where(at > 0, selected[row, before], 0.0)
    hits = np.where(at > 0, true_positives[row, before], 0.0)
    each, rate = selected[row, at] - start, true_positives[row, at] - hits
    part = np.divide(size - start, each, out=np.zeros_like(each), where=each > 0)
    return hits + rate * part, size
