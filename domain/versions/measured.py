"""The names of what is measured of a version: what a gate may refer to.

Metrics are intervals, counts are whole numbers. A difference to a baseline is named after both:
`auroc_over_scorecard` is the version's AUROC less the scorecard's, on the same rows.
"""

from collections.abc import Mapping
from typing import Literal

Better = Literal["higher", "lower"]

REGISTERED = (
    "auroc",
    "average_precision",
    "brier",
    "log_loss",
    "calibration_error",
    "came_by_told",
    "came_by_told_at_10pct",
    "lift_at_10pct",
    "precision_at_10pct",
    "recall_at_10pct",
)
"""Metrics of the test that are registered with a version; `evaluation.json` holds the rest."""

BEATEN = ("auroc", "average_precision", "brier")
"""By what a baseline may be shown to beat a version."""

DIFFERENCES = {
    "prior": ("brier", "log_loss"),
    "scorecard": BEATEN,
    "static": BEATEN,
    "champion": ("auroc", "log_loss", "brier"),
}
"""Which differences to a baseline are registered too, by the baseline."""

FAIRNESS_MEASURES = ("selection", "found", "calibration")
"""By what the audit compares groups; each has a metric `fairness_MEASURE_gap`."""

REMOVED_CUTOFFS = ("account_excluded", "anonymous", "censored", "decided", "outcome_before_anchor")
"""The rules that remove cutoffs; each has a count `removed_RULE`."""

LOWER_IS_BETTER = (
    "brier",
    "log_loss",
    "calibration_error",
    "explanation_error",
    "latency_ms",
    *(f"fairness_{measure}_gap" for measure in FAIRNESS_MEASURES),
)
NEITHER_IS_BETTER = ("came_by_told", "came_by_told_at_10pct")
"""Metrics that are best at 1."""

_ALONE = (*REGISTERED, *LOWER_IS_BETTER)
_OVER = tuple(f"{m}_over_{baseline}" for baseline, ms in DIFFERENCES.items() for m in ms)

METRICS: frozenset[str] = frozenset((*_ALONE, *_OVER))
"""Every metric that a version of a model can have; policies have none."""

COUNTS: Mapping[str, frozenset[str]] = {
    "model": frozenset(
        (
            "train_rows",
            "train_positives",
            "test_rows",
            "test_positives",
            "embargoed",
            "parted",
            "features",
            "unwaived_leaks",
            "trees",
            "grades_inverted",
            "bytes",
            *(f"removed_{rule}" for rule in REMOVED_CUTOFFS),
        )
    ),
    "policy": frozenset(("golden", "findings", "golden_broken", "golden_changed")),
    "workflow": frozenset(("findings", "configurations")),
}
"""Every count that a version of a kind can have."""


def better(metric: str) -> Better | None:
    """Which way a metric is better; None where neither is.

    >>> better("auroc"), better("brier_over_static"), better("came_by_told")
    ('higher', 'lower', None)
    """
    measure = metric.partition("_over_")[0]
    if measure in NEITHER_IS_BETTER:
        return None
    return "lower" if measure in LOWER_IS_BETTER else "higher"
