"""The names that gates may refer to are those that versions really have."""

from domain.versions.measured import (
    BEATEN,
    COUNTS,
    DIFFERENCES,
    LOWER_IS_BETTER,
    METRICS,
    NEITHER_IS_BETTER,
    REMOVED_CUTOFFS,
    better,
)
from monitoring.canary_measures import METRICS as CANARY_METRICS
from training.data.no_cutoffs import REMOVED


def test_every_rule_that_removes_cutoffs_has_a_count() -> None:
    assert set(REMOVED) == set(REMOVED_CUTOFFS)
    assert {f"removed_{rule}" for rule in REMOVED} < COUNTS["model"]


def test_what_a_canary_compares_is_measured_of_versions_too() -> None:
    assert set(CANARY_METRICS) <= METRICS


def test_every_metric_has_one_direction() -> None:
    assert set(LOWER_IS_BETTER) | set(NEITHER_IS_BETTER) <= METRICS
    assert not set(LOWER_IS_BETTER) & set(NEITHER_IS_BETTER)
    for baseline, measures in DIFFERENCES.items():
        for measure in measures:
            assert better(f"{measure}_over_{baseline}") == better(measure) is not None
    assert {better(measure) for measure in BEATEN} == {"higher", "lower"}
