"""All causes together: what stands, what explains what, and what is to be done."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring.causes.alike import alike
from monitoring.causes.categories import new_categories
from monitoring.causes.cause import FAULTS, Action, Cause, CauseKind, daily_level
from monitoring.causes.cohort import Cohort
from monitoring.causes.concept import Matured, Segment, concept_drift
from monitoring.causes.faults import faults
from monitoring.causes.feeds import silent_feeds
from monitoring.causes.moves import Reference
from monitoring.causes.population import (
    JudgedMoves,
    judge,
    moved_cause,
    population_shift,
    shifted,
)
from monitoring.causes.season import seasonal
from monitoring.causes.shares import equal

FEWEST = 30
"""Companies that each side must be worth: of fewer, nothing is said."""

NEW_DAYS = 21
"""Leads first seen within so many days are looked at by themselves, too: what a source tells of
new leads alone shows there first."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a version knows of its input, and its home of its sources.

    `importance`: each feature's share in the explanations. `source_columns` hold what a source
    said, as opposed to what is counted from events. `texts`: the values of categories that
    training saw. `segments`: by which calibration is looked at. `earlier`: rows of the same season
    of an earlier year, None where no year is known.
    """

    importance: Mapping[str, float] = field(default_factory=dict)
    source_columns: Sequence[str] = ()
    texts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    segments: Sequence[Segment] = ()
    horizon_days: float = 30.0
    earlier: Reference | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a look is at.

    `current` are rows as scored, one a lead, beside `accounts` [rows]. `feeds`: events a day, by
    type, of whole days. `matured`: decisions whose outcome is known.
    """

    current: pd.DataFrame
    accounts: NDArray[np.int64]
    feeds: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    matured: Matured | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What stands, faults first, and the moves of all columns.

    `rows` and `reference_rows` are the companies that both sides are worth, `reference_weight`
    [reference rows] is what makes its leads as old as the scored ones; `unlike` is the share
    of the current ones that have no like in the reference, and were left out.
    """

    causes: tuple[Cause, ...]
    moves: JudgedMoves
    rows: float
    reference_rows: float
    reference_weight: NDArray[np.float64]
    unlike: float

    @property
    def too_few(self) -> bool:
        """Whether a side holds too few to tell what moved."""
        return min(self.rows, self.reference_rows) < FEWEST


def diagnose(reference: Reference, evidence: Evidence, known: Known) -> Diagnosis:
    """One look at a version's leads."""
    units = equal(evidence.accounts)
    like = alike(reference.frame, reference.units, evidence.current, units)
    current = evidence.current if like.kept.all() else evidence.current[like.kept]
    sizes = like.current.effective, like.reference.effective
    enough = min(sizes) >= FEWEST
    everyone = Cohort.of(reference, like.reference, current, like.current, known.importance)
    judged = judge(everyone.moves if enough else [], daily_level("population"))
    causes = [*silent_feeds(evidence.feeds)]
    causes += _by_column(everyone, known) if enough else ()
    action: Action = "none" if any(cause.kind in FAULTS for cause in causes) else "retrain"
    if shifted(judged):
        causes.append(_shift(judged, everyone, known, action))
    if evidence.matured is not None and known.segments:
        seen = _seen(evidence.matured, known)
        causes += concept_drift(seen, known.segments, known.horizon_days, action)
    shown = judged if enough else judge(everyone.moves, 0.0)
    return Diagnosis(tuple(causes), shown, *sizes, like.reference.weight, like.unlike)


def _by_column(everyone: Cohort, known: Known) -> Iterator[Cause]:
    """Faults and new categories of all leads, and of new ones; of each column the surest."""
    surest: dict[tuple[CauseKind, str], Cause] = {}
    for cohort in (everyone, everyone.first_seen_within(NEW_DAYS)):
        if min(cohort.units.effective, cohort.reference_units.effective) < FEWEST:
            continue
        each = [
            *faults(cohort, known.source_columns, daily_level("faults") / 2),
            *new_categories(cohort, known.texts, daily_level("categories") / 2),
        ]
        for cause in each:
            key = cause.kind, cause.about
            if key not in surest or cause.chance < surest[key].chance:
                surest[key] = cause
    yield from sorted(surest.values(), key=lambda c: (c.kind not in FAULTS, c.chance))


def _shift(judged: JudgedMoves, everyone: Cohort, known: Known, action: Action) -> Cause:
    if seasonal(judged, known.earlier, everyone, known.importance):
        ending = ", as at the same time of an earlier year"
        return moved_cause(judged, CauseKind.SEASON, ending, "none")
    return population_shift(judged, action)


def _seen(matured: Matured, known: Known) -> Matured:
    """Decisions on leads without a value that training never saw."""
    kept = np.ones(len(matured.label), dtype=np.bool_)
    for name, texts in known.texts.items():
        if texts and name in matured.texts:
            column = pd.Series(matured.texts[name])
            kept &= (column.isna() | (column == "") | column.isin(texts)).to_numpy()
    return matured if kept.all() else matured.where(kept)
