"""What became of leads that were told a probability: of all, by arm, by segment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.measurement import Interval, together
from measures.calibration_error import calibration_error
from measures.observed_expected import came_by_told
from measures.ranking import lift_at
from monitoring.causes.concept import Matured, Segment
from monitoring.decision_columns import Floats, Ints
from monitoring.reports.figure import (
    ALL,
    EVERYONE,
    Figure,
    FigureName,
    FigureStatus,
    bounded_above,
    bounded_below,
)
from monitoring.reports.rules import ReportLimits

FEWEST = 30
"""Matured decisions, and companies, of which a group is told anything."""

ARM, BAND = "arm", "score band"


@dataclass(frozen=True, slots=True)
class MaturedRows:
    """Decisions whose outcome is known [n]: probability told, label, and company."""

    score: Floats
    label: Floats
    account: Ints

    def __len__(self) -> int:
        return len(self.score)

    def where(self, rows: NDArray[np.bool_]) -> "MaturedRows":
        """Some of the rows."""
        return MaturedRows(self.score[rows], self.label[rows], self.account[rows])

    @property
    def enough(self) -> bool:
        """Whether anything is told of them: so that no company is, and of both outcomes."""
        return (
            len(self) >= FEWEST
            and len(np.unique(self.account)) >= FEWEST
            and self.label.min() != self.label.max()
        )


@dataclass(frozen=True, slots=True)
class OutcomeGroup:
    """Decisions of a kind: what groups are made by, which this one is, and its rows."""

    by: str
    name: str
    rows: MaturedRows


def outcome_figures(
    groups: Sequence[OutcomeGroup], measures: Mapping[str, Interval], limits: ReportLimits
) -> Iterator[Figure]:
    """Calibration, conversions by prediction and lift of each group that is large enough.

    `measures` are those of all leads, whose lift and AUROC have intervals. Intervals of groups are
    so wide that all of one kind hold at once.
    """
    usable = [group for group in groups if group.rows.enough]
    for by in dict.fromkeys(group.by for group in usable):
        mine = [group for group in usable if group.by == by]
        errors = together([_error(group.rows) for group in mine])
        ratios = together([_ratio(group.rows) for group in mine])
        for group, error, ratio in zip(mine, errors, ratios, strict=True):
            yield _calibration(group, error, limits.calibration_error)
            yield _conversions(group, ratio, limits.rules.odds_factor)
            yield _lift(group, measures if by == ALL else {}, limits.rules.lift)
            yield _rate(group)
            if by == ALL and "auroc" in measures:
                yield _auroc(group, measures["auroc"])


def segment_groups(matured: Matured, segments: Sequence[Segment]) -> list[OutcomeGroup]:
    """All leads, the bands of their scores, and the values of their columns."""
    rows = MaturedRows(matured.score, matured.label, matured.accounts)
    groups = []
    for segment in segments:
        if segment.name == EVERYONE:
            groups.append(OutcomeGroup(ALL, EVERYONE, rows))
        else:
            name = segment.value if segment.column else segment.name.removeprefix("scores ")
            by = segment.column or BAND
            groups.append(OutcomeGroup(by, name, rows.where(segment.mask(matured))))
    return groups or [OutcomeGroup(ALL, EVERYONE, rows)]


def arm_groups(rows: MaturedRows, arm: NDArray[np.str_]) -> list[OutcomeGroup]:
    """Decisions of each arm [n], by the probability that was served."""
    return [OutcomeGroup(ARM, str(name), rows.where(arm == name)) for name in np.unique(arm)]


def _error(rows: MaturedRows) -> Interval:
    return calibration_error(rows.label, rows.score, rows.account)


def _ratio(rows: MaturedRows) -> Interval:
    return came_by_told(rows.label, rows.score, rows.account)


def _calibration(group: OutcomeGroup, error: Interval, limit: float) -> Figure:
    error = Interval(value=error.value, low=max(error.low, 0.0), high=error.high, level=error.level)
    status = bounded_above(error, limit)
    what = f"the calibration error of {group.name} is {error.value:.3f}"
    text = f"{what} ({error.low:.3f} to {error.high:.3f}), at most {limit:g} is meant"
    return _figure("CalibrationError", group, error, limit, status, text)


def _conversions(group: OutcomeGroup, ratio: Interval, factor: float) -> Figure:
    status = max(bounded_above(ratio, factor), bounded_below(ratio, 1 / factor))
    rows, expected = group.rows, float(group.rows.score.mean())
    text = (
        f"of {group.name}, {rows.label.mean():.1%} of {len(rows):,} converted, "
        f"{expected:.1%} were predicted"
    )
    return _figure("ConversionsByPrediction", group, ratio, factor, status, text)


def _lift(group: OutcomeGroup, measures: Mapping[str, Interval], limit: float) -> Figure:
    value = lift_at(group.rows.label, group.rows.score, 0.1)
    known = measures.get("lift_at_10pct")
    interval = known or Interval(value=value, low=np.nan, high=np.nan)
    status = bounded_below(interval, limit) if known else FigureStatus.GOOD
    bounds = f" ({known.low:.2f} to {known.high:.2f})" if known else ""
    text = f"the best tenth of {group.name} converts {value:.2f}{bounds} times as often as all"
    return _figure("TopTenthLift", group, interval, limit, status, text)


def _auroc(group: OutcomeGroup, measured: Interval) -> Figure:
    text = f"the AUROC of {group.name} is {measured}, chance gives 0.5"
    return _figure("Auroc", group, measured, 0.5, bounded_below(measured, 0.5), text)


def _rate(group: OutcomeGroup) -> Figure:
    rate = float(group.rows.label.mean())
    interval = Interval(value=rate, low=np.nan, high=np.nan)
    text = f"{rate:.1%} of {group.name} converted"
    return _figure("ConversionRate", group, interval, None, FigureStatus.GOOD, text)


def _figure(
    name: FigureName,
    group: OutcomeGroup,
    interval: Interval,
    limit: float | None,
    status: FigureStatus,
    text: str,
) -> Figure:
    bounds = [None if np.isnan(end) else end for end in (interval.low, interval.high)]
    return Figure(
        name=name,
        by=group.by,
        group=group.name,
        value=interval.value,
        low=bounds[0],
        high=bounds[1],
        rows=len(group.rows),
        limit=limit,
        status=status,
        text=text,
    )
