"""The leakage guard: columns too good to be true, or written after the outcome, named with why.

Each feature is judged alone, by the rate of the outcome at each of its values (numbers in bins,
missing as a value of its own). Rates are learnt from one half of the companies and judged on the
other, so that what is merely rare is no evidence. The limits below are the same for every data
set: what is honestly known before an outcome rarely comes near them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.errors import Refused
from measures.ranking import auroc
from training.config import Waiver
from training.data.dataset import Dataset
from training.data.split import side

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

TOO_GOOD = 0.85
"""An AUROC that a single column does not reach, in any slice of time, by honest means: whole models
of lead scoring seldom do."""

SETTLED_FOR, SETTLED_AGAINST = 0.9, 0.15
"""A value settles the outcome where nine in ten of those who have it reach it, or where a tenth as
many do as of all. A column that settles it both ways was written with it in mind."""

SETTLED_SHARE = 0.05
"""Of the positives, and of the negatives: the share that a column settles."""

PRESENT_FOR = 0.95
"""Of those for whom a column is filled in, the share that reach the outcome in the end: a column
that is filled in for winners alone is filled in because they won."""

NAMES, ALONE = 0.5, 0.95
"""Distinct values for each company, and the share of them that one company alone has: with more of
both a column names companies instead of telling of them."""

ALIKE = 0.9
"""Of the values that some winner has and that several companies share, the share that winners alone
have: chance would give far fewer."""

ENOUGH = 20
"""Companies with, and companies without the outcome, that a statement needs."""

SLICES = 4
BINS = 20
PULL = 10.0
"""Rows at the overall rate that every value is given: what is seen once says little."""

MOST_ROWS = 50_000
_SALT = 1_000


@dataclass(frozen=True, slots=True)
class Suspect:
    """A feature that the guard names: by which rule, on what evidence."""

    feature: str
    rule: str
    evidence: str


class LeakRefusal(Refused):
    """Features that seem to know the outcome, and that no waiver keeps: their names."""

    def __init__(self, suspects: Sequence[Suspect]) -> None:
        sentences = "; ".join(f"{s.feature}: {s.evidence} ({s.rule})" for s in suspects)
        super().__init__(
            f"features that seem to know the outcome: {sentences}.",
            rule="leakage",
            todo="Leave them out by `exclude`, or keep them by `waivers` with a reason, in the "
            "training configuration.",
        )
        self.features = tuple(suspect.feature for suspect in suspects)


def screen(data: Dataset, eventual: NDArray[np.int64]) -> list[Suspect]:
    """The features of a data set that look like leaks, in its order; each by its first rule.

    `eventual` [n] is whether the outcome came at all after the row's moment. Of more than
    MOST_ROWS rows as many are looked at, evenly.
    """
    rows = np.arange(len(data))
    if len(data) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False))
    judge = _Judge(data.take(rows), eventual[rows])
    judgements = (judge.judge(place, name) for place, name in enumerate(data.features))
    return [suspect for suspect in judgements if suspect is not None]


def waived(suspects: Sequence[Suspect], waivers: Sequence[Waiver]) -> list[str]:
    """What to say of suspects that are kept by a waiver.

    Raises LeakRefusal where a suspect has none, naming each such feature with its evidence.
    """
    reasons = {waiver.feature: waiver.reason for waiver in waivers}
    left = [suspect for suspect in suspects if suspect.feature not in reasons]
    if left:
        raise LeakRefusal(left)
    return [
        f"The leakage guard names {s.feature}: {s.evidence} ({s.rule}). Kept, because: "
        f"{reasons[s.feature]}"
        for s in suspects
    ]


class _Judge:
    """Labels, slices of time and halves of the companies, which all columns share."""

    def __init__(self, data: Dataset, eventual: NDArray[np.int64]) -> None:
        self.data = data
        self.y = data.labels.astype(np.float64)
        self.eventual = eventual.astype(np.float64)
        self.half = side(data.groups, _SALT)
        self.rate = float(np.average(self.y, weights=data.weights))
        order = np.sort(data.moments)
        cuts = np.unique(order[(np.arange(1, SLICES) * len(order)) // SLICES])
        place = np.searchsorted(cuts, data.moments, side="right")
        slices = [np.flatnonzero(place == i) for i in range(SLICES)]
        self.slices = [rows for rows in slices if self._enough(rows)]

    def judge(self, place: int, name: str) -> Suspect | None:
        """What is wrong with a column, if anything."""
        codes, present = self._coded(place)
        for rule, evidence in (
            ("presence", self._presence(present)),
            ("identifier", self._identifier(place, codes, present)),
            ("too-good", self._too_good(codes)),
            ("settled", self._settled(codes)),
        ):
            if evidence:
                return Suspect(name, rule, evidence)
        return None

    def _enough(self, rows: Codes) -> bool:
        won = self.data.groups[rows[self.y[rows] == 1]]
        lost = self.data.groups[rows[self.y[rows] == 0]]
        return min(len(np.unique(won)), len(np.unique(lost))) >= ENOUGH

    def _coded(self, place: int) -> tuple[Codes, NDArray[np.bool_]]:
        """A column's values as numbers from 0 on, and where it has one."""
        numbers = self.data.numbers.shape[1]
        if place >= numbers:
            texts = self.data.texts[:, place - numbers].astype(str)
            return np.unique(texts, return_inverse=True)[1].astype(np.int64), texts != ""
        column = self.data.numbers[:, place]
        present = ~np.isnan(column)
        edges = np.unique(np.quantile(column[present], np.linspace(0, 1, BINS + 1)[1:-1]))
        codes = np.searchsorted(edges, column, side="right") + 1
        return np.where(present, codes, 0).astype(np.int64), present

    def _rates(self, codes: Codes) -> Array:
        """For each row, the rate at its value among the other half of the companies [n]."""
        rates = np.empty(len(codes))
        for half in (self.half, ~self.half):
            w = self.data.weights[half]
            count = np.bincount(codes[half], w, codes.max() + 1) + PULL
            won = np.bincount(codes[half], w * self.y[half], codes.max() + 1) + PULL * self.rate
            rates[~half] = (won / count)[codes[~half]]
        return rates

    def _too_good(self, codes: Codes) -> str:
        rates, w = self._rates(codes), self.data.weights
        each = [auroc(self.y[rows], rates[rows], w[rows]) for rows in self.slices]
        if not each or float(np.median(each)) < TOO_GOOD:
            return ""
        figures = ", ".join(f"{one:.3f}" for one in each)
        return f"alone it ranks with an AUROC of {figures} over {len(each)} slices of time"

    def _settled(self, codes: Codes) -> str:
        rates, w = self._rates(codes), self.data.weights
        won, lost = w * self.y, w * (1 - self.y)
        if not self._enough(np.arange(len(rates))):
            return ""
        settled_for = won[rates >= SETTLED_FOR].sum() / won.sum()
        settled_against = lost[rates <= SETTLED_AGAINST * self.rate].sum() / lost.sum()
        if min(settled_for, settled_against) < SETTLED_SHARE:
            return ""
        return (
            f"its values settle the outcome for {settled_for:.0%} of those who reach it, and "
            f"against {settled_against:.0%} of those who do not"
        )

    def _presence(self, present: NDArray[np.bool_]) -> str:
        """Filled in for those alone who reach the outcome, now or later."""
        if present.all() or len(np.unique(self.data.groups[present])) < ENOUGH:
            return ""
        w = self.data.weights
        inside = float(np.average(self.eventual[present], weights=w[present]))
        outside = float(np.average(self.eventual[~present], weights=w[~present]))
        if inside < PRESENT_FOR or outside > inside / 2:
            return ""
        return (
            f"{inside:.1%} of those for whom it is filled in reach the outcome in the end, of the "
            f"others {outside:.1%}"
        )

    def _identifier(self, place: int, codes: Codes, present: NDArray[np.bool_]) -> str:
        """A text that names companies, or whose values each have one label."""
        if place < self.data.numbers.shape[1] or not present.any():
            return ""
        pairs = np.unique(np.column_stack([codes, self.data.groups])[present], axis=0)
        values, companies = np.unique(pairs[:, 0], return_counts=True)
        known = len(np.unique(pairs[:, 1]))
        alone = float(np.mean(companies == 1))
        if len(values) >= max(NAMES * known, ENOUGH) and alone >= ALONE:
            return f"it has {len(values):,} values, {alone:.0%} of them of one company alone"
        return self._alike(codes[present], values[companies >= 2], present)

    def _alike(self, codes: Codes, shared: Codes, present: NDArray[np.bool_]) -> str:
        shared_rows = np.isin(codes, shared)
        y, groups, codes = (
            self.y[present][shared_rows],
            self.data.groups[present][shared_rows],
            codes[shared_rows],
        )
        if not len(codes):
            return ""
        # a company's label: whether any of its rows with the value has the outcome
        keys, at = np.unique(np.column_stack([codes, groups]), axis=0, return_inverse=True)
        won = np.bincount(at.ravel(), y) > 0
        _, value = np.unique(keys[:, 0], return_inverse=True)
        share, size = np.bincount(value, won) / np.bincount(value), np.bincount(value)
        some, rate = share > 0, float(won.mean())
        chance = rate ** size[some] / (1 - (1 - rate) ** size[some])
        alike = float(np.mean(share[some] == 1)) if some.any() else 0.0
        if some.sum() < ENOUGH or alike < ALIKE or chance.mean() > alike / 2:
            return ""
        return (
            f"{alike:.0%} of its {int(some.sum()):,} values that a winner has are winners' alone; "
            f"chance would make it {chance.mean():.0%}"
        )
