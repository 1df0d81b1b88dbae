"""What a report says, as it is written to `report.json`."""

import msgspec

from domain.measurement import Interval
from monitoring.causes.cause import Cause
from monitoring.causes.moves import ColumnMove
from monitoring.reports.figure import Figure


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What the report is about: the version, the home, and the moment that it refers to."""

    model: str
    home: str
    made: str
    decisions: int
    immature: int


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to look at: what it is, what was found, and what to do."""

    subject: str
    finding: str
    todo: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The report to act on. `measures` is empty while no decision has matured.

    `verdict` is a sentence, `look_at` are the three things to look at first. `causes` are all that
    were found, `drift` whether one of them is to be acted upon.
    `rows_reference` and `rows_current` are how many companies both sides are worth, `too_few`
    whether that is too little to tell; `unlike` is the share of companies with leads of an age
    that the reference has not, which are left out. `drift_share` is the share of the explanations
    that drifted features make up, of `columns` their moves. `score_drift` and `reason_drift` are
    None where one side has none. `sampled`: what moved is told of companies that were drawn.
    `figures` are what the tests are of.
    """

    meta: Meta
    verdict: str = ""
    look_at: tuple[Finding, ...] = ()
    rows_reference: int
    rows_current: int
    sampled: bool
    too_few: bool
    unlike: float
    drift: bool
    causes: tuple[Cause, ...]
    drift_share: float
    score_drift: ColumnMove | None
    reason_drift: ColumnMove | None
    columns: tuple[ColumnMove, ...]
    matured: int
    positives: int
    measures: dict[str, Interval]
    figures: tuple[Figure, ...] = ()
