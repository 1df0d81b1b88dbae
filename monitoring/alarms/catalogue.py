"""The alarms there are: a line for each, with its cause, its severity and its run book."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

AlarmName = Literal[
    "rollout-rolled-back",
    "rollout-undecided",
    "retraining-needed",
    "retraining-failed",
    "calibration-off",
    "silent-feed",
    "half-silent-feed",
    "null-burst",
    "unit-change",
    "constant",
    "new-category",
    "population-shift",
    "concept-drift",
    "all-quarantined",
    "batch-findings",
    "effects-dead",
    "features-stale",
    "signals-silent",
    "audit-unsound",
    "registry-disagrees",
    "backup-failed",
    "disk-nearly-full",
    "store-away",
    "answers-degraded",
    "job-failed",
    "job-late",
    "alarms-late",
    "error-budget",
    "scoring-absent",
    "scoring-not-ready",
]
Severity = Literal["page", "ticket"]
"""`page`: somebody is to look now; `ticket`: in working hours."""

DRIFT: tuple[AlarmName, ...] = (
    "silent-feed",
    "half-silent-feed",
    "null-burst",
    "unit-change",
    "constant",
    "new-category",
    "population-shift",
    "concept-drift",
)
"""Causes of drift that somebody must act upon."""


class AlarmKind(NamedTuple):
    """One kind of alarm. `rules` are Prometheus alerts that lead to the same run book.

    `looked`: the alarms job looks for it; else only those alerts do.
    """

    cause: str
    severity: Severity
    rules: tuple[str, ...] = ()
    looked: bool = True


_DRIFT, _FEED, _LOOP = ("DriftFound",), ("FeedBroken",), ("LoopFailing",)
_RECORDS = ("RecordsUnsound",)
_ENDED = ("RolloutRolledBack",)
_BURNS = (
    "ErrorBudgetBurnsFast",
    "ErrorBudgetBurns",
    "ErrorBudgetBurnsSlowly",
    "ErrorBudgetWillBeSpent",
)

CATALOGUE: Mapping[AlarmName, AlarmKind] = {
    "rollout-rolled-back": AlarmKind(
        "A rollout was rolled back by itself: a limit was breached, or a verdict failed.",
        "ticket",
        _ENDED,
    ),
    "rollout-undecided": AlarmKind(
        "A rollout was not decided within its patience, and ended as a refusal.", "ticket", _ENDED
    ),
    "retraining-needed": AlarmKind(
        "A trigger fired, and no version was trained since.", "ticket", ("RetrainingNeeded",)
    ),
    "retraining-failed": AlarmKind("Training a new version failed.", "ticket", _LOOP),
    "calibration-off": AlarmKind(
        "The champion's probabilities are no longer what came of them.",
        "page",
        ("CalibrationOff",),
    ),
    "silent-feed": AlarmKind("A source tells nothing any more.", "page", _FEED),
    "half-silent-feed": AlarmKind("A source tells much less than usual.", "page", _FEED),
    "null-burst": AlarmKind("A column is empty for many more leads than usual.", "page", _FEED),
    "unit-change": AlarmKind("A number's unit changed by a factor.", "page", _FEED),
    "constant": AlarmKind("A column has one value for everybody.", "page", _FEED),
    "new-category": AlarmKind("A column has values that training never saw.", "ticket", _DRIFT),
    "population-shift": AlarmKind("Other leads come than the version learnt.", "ticket", _DRIFT),
    "concept-drift": AlarmKind(
        "The same leads convert at another rate than the version learnt.", "ticket", _DRIFT
    ),
    "all-quarantined": AlarmKind(
        "Since the last look every event was quarantined, none accepted.",
        "page",
        ("AllQuarantined",),
    ),
    "batch-findings": AlarmKind(
        "A batch was unlike those before it of its source and type.", "ticket", ("BatchFindings",)
    ),
    "effects-dead": AlarmKind(
        "Effects could not be delivered, and wait for a person.", "ticket", ("EffectsDead",)
    ),
    "features-stale": AlarmKind(
        "Answers rest on features that hear of nothing new.", "ticket", ("FeaturesStale",)
    ),
    "signals-silent": AlarmKind(
        "The log has heard of nothing newer for hours.", "ticket", ("SignalsSilent",)
    ),
    "audit-unsound": AlarmKind(
        "A chain of records is broken, or its end was cut off.", "page", _RECORDS
    ),
    "registry-disagrees": AlarmKind(
        "The versions that serve are not the ledger's.", "page", _RECORDS
    ),
    "backup-failed": AlarmKind("The newest backup failed.", "ticket", _LOOP),
    "disk-nearly-full": AlarmKind(
        "The disk of the home is nearly full.", "page", ("DiskNearlyFull",)
    ),
    "store-away": AlarmKind("A store does not answer.", "ticket", ("BreakerOpen",)),
    "answers-degraded": AlarmKind(
        "More answers are degraded than the objective allows.", "ticket", ("AnswersDegraded",)
    ),
    "job-failed": AlarmKind(
        "A job of the operating loop failed, and was given up.", "ticket", _LOOP
    ),
    "job-late": AlarmKind("A job of the operating loop is overdue.", "ticket", _LOOP),
    "alarms-late": AlarmKind(
        "Nobody has looked for alarms for hours.", "page", ("AlarmsLate",), looked=False
    ),
    "error-budget": AlarmKind(
        "An objective's error budget burns too fast.", "page", _BURNS, looked=False
    ),
    "scoring-absent": AlarmKind(
        "No scoring service is being scraped.", "page", ("ScoringAbsent",), looked=False
    ),
    "scoring-not-ready": AlarmKind(
        "No scoring service is ready.", "page", ("ScoringNotReady",), looked=False
    ),
}

LOOKED: tuple[AlarmName, ...] = tuple(name for name, kind in CATALOGUE.items() if kind.looked)
"""What the alarms job looks for."""
NAMES: tuple[AlarmName, ...] = get_args(AlarmName)
