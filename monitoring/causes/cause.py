"""A named cause of drift, and how much chance may be in an alarm."""

from enum import StrEnum
from typing import Literal

import msgspec


class CauseKind(StrEnum):
    """What drift is due to. `docs/drift.md` has a heading for each."""

    SILENT_FEED = "silent feed"
    HALF_SILENT_FEED = "half-silent feed"
    NULL_BURST = "null burst"
    UNIT_CHANGE = "unit change"
    CONSTANT = "constant"
    NEW_CATEGORY = "new category"
    POPULATION_SHIFT = "population shift"
    CONCEPT_DRIFT = "concept drift"
    SEASON = "season"


Action = Literal["mend", "retrain", "none"]

FAULTS = frozenset(
    {
        CauseKind.SILENT_FEED,
        CauseKind.HALF_SILENT_FEED,
        CauseKind.NULL_BURST,
        CauseKind.UNIT_CHANGE,
        CauseKind.CONSTANT,
    }
)
"""Causes that are mended at the source: a version trained on them learns the fault."""

ALARM_LEVEL = 0.05
ALARM_DAYS = 90
"""The expected number of false alarms in so many days of daily looks is ALARM_LEVEL at most."""

SHARES = {"feeds": 0.2, "faults": 0.2, "categories": 0.1, "population": 0.25, "concept": 0.25}
"""What each kind of test may spend of ALARM_LEVEL: they add up to 1."""


def daily_level(test: str) -> float:
    """What a test may spend on one day's look: over days and tests the levels add up."""
    return ALARM_LEVEL * SHARES[test] / ALARM_DAYS


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """A cause, and the figures that it rests on.

    `about` names the column, the type of event or the segment. `value` is what was found, `usual`
    what was to be expected, `tolerance` how far apart they may be; `chance` bounds how often
    sampling alone takes them beyond it, `level` is the most that it may be for an alarm.
    `text` says the same in a sentence. `action` is what to do: `mend` the source, `retrain`, or
    `none`.
    """

    kind: CauseKind
    about: str
    text: str
    value: float
    usual: float
    tolerance: float
    chance: float
    level: float
    action: Action

    @property
    def actionable(self) -> bool:
        """Whether somebody must do something."""
        return self.action != "none"
