"""A figure of a report: what was measured, of whom, how sure, and how it stands."""

from enum import IntEnum
from typing import Literal

import msgspec

from domain.measurement import Interval

FigureName = Literal[
    "CalibrationError",
    "ConversionsByPrediction",
    "TopTenthLift",
    "Auroc",
    "ConversionRate",
    "ScoreMove",
    "ReasonMove",
    "DriftedShare",
    "ActionableCauses",
    "FreshestHours",
    "DegradedShare",
    "MissingShare",
    "OutsideShare",
    "DecisionCount",
]
"""What is measured. An Evidently metric of the same name shows each over time."""

ALL, EVERYONE = "all", "all leads"


class FigureStatus(IntEnum):
    """How a figure stands, from what is fine to what is shown to be wrong.

    `WATCH`: beyond its limit, but chance may have brought it there.
    """

    GOOD = 0
    WATCH = 1
    BAD = 2


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a group of decisions.

    `by` says what groups are made by, `all` where there is one. `rows` is how many decisions it is
    of. `limit` is what it is held against, None where nothing is; `text` says how it stands in a
    sentence, without personal data.
    """

    name: FigureName
    by: str = ALL
    group: str = EVERYONE
    value: float
    low: float | None = None
    high: float | None = None
    rows: int
    limit: float | None = None
    status: FigureStatus
    text: str


def bounded_above(interval: Interval, limit: float) -> FigureStatus:
    """How a value stands that should not exceed a limit: bad where its whole interval does."""
    if interval.low > limit:
        return FigureStatus.BAD
    return FigureStatus.WATCH if interval.value > limit else FigureStatus.GOOD


def bounded_below(interval: Interval, limit: float) -> FigureStatus:
    """How a value stands that should not fall below a limit."""
    if interval.high < limit:
        return FigureStatus.BAD
    return FigureStatus.WATCH if interval.value < limit else FigureStatus.GOOD
