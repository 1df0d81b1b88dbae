"""The gate where features are computed: on one row, on many, and on frames by pandera."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from domain.clock import DAY
from domain.errors import Refused
from domain.findings import QualityFindings
from domain.state import Matrix
from feature_repo.catalogue import category_names, number_names
from feature_repo.quality import FeatureGate, FeatureRules, bounds, check_frame, feature_schema
from feature_repo.standard import standard_service

STANDARD = standard_service()
NAMES = number_names(STANDARD)
RULES = FeatureRules()


def counted(found: QualityFindings) -> dict[tuple[str, str], int]:
    return {(f.rule, f.about): n for f, n in found.counts().items()}


def rows(count: int) -> Matrix:
    """Rows as the feature function makes them where much is missing, as it is for new leads."""
    made = np.ones((count, len(NAMES)))
    made[:, ~bounds(STANDARD).filled] = np.nan
    return made


def frame(count: int = 20) -> pd.DataFrame:
    made = pd.DataFrame(rows(count), columns=list(NAMES)).fillna(1.0)
    for name in category_names(STANDARD):
        made[name] = "page_view" if name.startswith("last_event") else "DE"
    return made


def online(numbers: Matrix, age_days: float = 0.0) -> tuple[list[bool], dict[tuple[str, str], int]]:
    found = QualityFindings()
    gate = FeatureGate(STANDARD, RULES)
    now = 20_000 * DAY
    sound = gate.sound(numbers, now, now - int(age_days * DAY), found)
    return sound, counted(found)


def test_rows_of_every_age_are_sound() -> None:
    assert online(rows(3), age_days=7) == ([True] * 3, {})


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("page_view_count", -1.0, "feature-range"),
        ("page_view_rate_7d", -0.01, "feature-range"),
        ("page_view_rate_7d", np.inf, "feature-range"),
        ("page_view_recency_d", -1e-6, "feature-range"),
        ("page_view_velocity", -np.inf, "feature-range"),
        ("active_days_7", 8.0, "feature-range"),
        ("channels_30d", 6.0, "feature-range"),
        ("employees", np.inf, "feature-range"),
        ("events", np.nan, "feature-missing"),
        ("active_days_28", np.nan, "feature-missing"),
        ("page_view_velocity", np.nan, "feature-missing"),
    ],
)
def test_each_rule_fires_online_and_in_frames(name: str, value: float, rule: str) -> None:
    numbers = rows(3)
    numbers[1, NAMES.index(name)] = value
    assert online(numbers) == ([True, False, True], {(rule, name): 1})
    made, found = frame(), QualityFindings()
    made.loc[[2, 5], name] = value
    with pytest.raises(Refused) as caught:
        check_frame(made, feature_schema(STANDARD, RULES), found, "standard_v1")
    assert counted(found) == {(rule, name): 2}
    assert str(caught.value).startswith(f"standard_v1: feature {name} breaks its rule in 2 of 20")
    assert caught.value.rule == rule
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["recency_d", "page_view_recency_d", "last_gap_d", "employees"])
def test_what_may_be_missing_may(name: str) -> None:
    numbers = rows(1)
    numbers[0, NAMES.index(name)] = np.nan
    assert online(numbers) == ([True], {})


def test_nothing_heard_for_too_long_makes_all_stale() -> None:
    assert online(rows(2), age_days=7.01) == ([False, False], {("features-stale", ""): 2})


def test_a_sound_frame_breaks_nothing() -> None:
    found = QualityFindings()
    check_frame(frame(), feature_schema(STANDARD, RULES), found, "standard_v1")
    assert found.counts() == {}


def test_a_column_that_is_nearly_all_missing_is_warned_of() -> None:
    made, found = frame(300), QualityFindings()
    made.loc[1:, "satisfaction"] = np.nan
    check_frame(made, feature_schema(STANDARD, RULES), found, "standard_v1")
    assert counted(found) == {("feature-null-share", "satisfaction"): 1}


def broken_category(made: pd.DataFrame) -> pd.DataFrame:
    made.loc[3, "last_event_1"] = "someone@company.com"
    return made


def lost_column(made: pd.DataFrame) -> pd.DataFrame:
    return made.drop(columns=["page_view_count"])


@pytest.mark.parametrize(
    ("spoil", "rule"), [(broken_category, "feature-range"), (lost_column, "feature-present")]
)
def test_columns_are_looked_at_as_a_whole(
    spoil: Callable[[pd.DataFrame], pd.DataFrame], rule: str
) -> None:
    with pytest.raises(Refused) as caught:
        check_frame(
            spoil(frame()), feature_schema(STANDARD, RULES), QualityFindings(), "standard_v1"
        )
    assert caught.value.rule == rule
    assert "someone" not in str(caught.value)
