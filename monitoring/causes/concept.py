"""Concept drift: leads convert more or less than they are told to, in a segment or in all.

Outcomes are bet on as they mature, in the order of decisions, for each segment that the reference
knows. What is won is evidence at any time, however often it is looked at
(`measures.calibration_alarm`); the mean over segments is evidence that one of them is off.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measures.calibration_alarm import calibration_evidence
from monitoring.causes.cause import ALARM_LEVEL, SHARES, Action, Cause, CauseKind

TOLERANCE = 1.3
"""Odds may be off by this factor: a level moves with seasons, and no model is right to a digit."""

LEVEL = ALARM_LEVEL * SHARES["concept"]
"""The chance that it ever alarms, of all looks together."""

FEWEST = 30
"""Outcomes of a segment before anything is said of it."""

LEAST_SHARE = 0.05
"""Values of so large a share of the reference are segments."""

BANDS = 3
"""Segments by score, of equal parts of the reference."""

OF_ALL = 0.5
"""The part of the evidence that is bet on all leads; the other segments share the rest."""

FOREVER = 10**9
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Matured:
    """Decisions whose outcome is known [n], oldest first.

    `days` are numbers of days, `leads` and `accounts` say whose each is. `texts` [n] by name are
    the columns that segments are made of.
    """

    days: NDArray[np.int64]
    leads: NDArray[np.int64]
    accounts: NDArray[np.int64]
    score: NDArray[np.float64]
    label: NDArray[np.float64]
    texts: Mapping[str, NDArray[np.object_]]

    def where(self, rows: Mask | NDArray[np.int64]) -> "Matured":
        """Some of the rows."""
        return Matured(
            self.days[rows],
            self.leads[rows],
            self.accounts[rows],
            self.score[rows],
            self.label[rows],
            {name: column[rows] for name, column in self.texts.items()},
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """All leads, a band of scores (`low` < score <= `high`), or those of a category's value."""

    name: str
    column: str = ""
    value: str = ""
    low: float = -np.inf
    high: float = np.inf

    def mask(self, rows: Matured) -> Mask:
        """Which rows are of it."""
        if self.column:
            return np.asarray(rows.texts[self.column] == self.value, dtype=np.bool_)
        return np.asarray((rows.score > self.low) & (rows.score <= self.high))


def segments(reference: pd.DataFrame, score: str, columns: Sequence[str]) -> list[Segment]:
    """The segments of a reference: all, bands of its scores, and the values of its columns."""
    edges = np.quantile(reference[score], np.linspace(0, 1, BANDS + 1)[1:-1]).tolist()
    chosen = [Segment("all leads")]
    for low, high in zip([-np.inf, *edges], [*edges, np.inf], strict=True):
        chosen.append(Segment(_band(low, high), low=low, high=high))
    for column in columns:
        shares = reference[column].value_counts(normalize=True).sort_index()
        values = map(str, shares.index[shares >= LEAST_SHARE])
        chosen += [Segment(f"{column} {value}", column=column, value=value) for value in values]
    return chosen


def once_a_horizon(rows: Matured, horizon_days: float) -> Matured:
    """Rows whose outcomes don't share time: of each lead, decisions a horizon apart at least."""
    last: dict[int, int] = {}
    kept = []
    for place, (lead, day) in enumerate(zip(rows.leads.tolist(), rows.days.tolist(), strict=True)):
        if day - last.get(lead, -FOREVER) >= horizon_days:
            last[lead] = day
            kept.append(place)
    return rows.where(np.array(kept, dtype=np.int64))


def concept_drift(
    rows: Matured, known: Sequence[Segment], horizon_days: float, action: Action
) -> Iterator[Cause]:
    """Segments of which probabilities are no longer what they say, the surest alone."""
    thinned = once_a_horizon(rows, horizon_days)
    waves = thinned.accounts * 1_000 + (thinned.days / horizon_days).astype(np.int64) % 1_000
    shares = np.full(len(known), (1 - OF_ALL) / max(1, len(known) - 1))
    shares[0] = OF_ALL
    logs = np.zeros(len(known))
    for at, segment in enumerate(known):
        mask = segment.mask(thinned)
        if mask.sum() >= FEWEST:
            y, p = thinned.label[mask], thinned.score[mask]
            evidence = calibration_evidence(y, p, waves[mask], tolerance=TOLERANCE)
            logs[at] = evidence.either[-1]
    chance = float(np.exp(min(0.0, -np.logaddexp.reduce(logs + np.log(shares)))))
    if chance <= LEVEL:
        surest = known[int(np.argmax(logs))]
        yield _cause(surest, thinned.where(surest.mask(thinned)), chance, action)


def _cause(segment: Segment, rows: Matured, chance: float, action: Action) -> Cause:
    observed, expected = float(rows.label.mean()), float(rows.score.mean())
    return Cause(
        kind=CauseKind.CONCEPT_DRIFT,
        about=segment.name,
        text=(
            f"of {segment.name}, {observed:.1%} of {len(rows.label):,} converted, "
            f"{expected:.1%} were predicted"
        ),
        value=observed,
        usual=expected,
        tolerance=TOLERANCE,
        chance=chance,
        level=LEVEL,
        action=action,
    )


def _band(low: float, high: float) -> str:
    if np.isinf(low):
        return f"scores to {high:.1%}"
    return f"scores above {low:.1%}" if np.isinf(high) else f"scores {low:.1%} to {high:.1%}"
