"""Reasons: sums of contributions, strongest first, in sentences."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.scores import Reason
from feature_repo.catalogue import catalogue
from feature_repo.standard import standard_service
from scoring.model.reasons import SMALLEST, Reasoner, effect

D = standard_service()
USUAL = "Usual time between visits or contacts"
KNOWN = {f.name: f for f in catalogue(D)}
EMPTY: dict[str, float | str] = {
    f.name: "" if f.kind == "category" else 0.0 if f.unit == "events" else math.nan
    for f in catalogue(D)
}
EMPTY |= {"account_people": 0.0, "account_active_7d": 0.0, "channels_30d": 0.0}


def one(feature: str, contribution: float, **values: Any) -> Reason:
    (reason,) = Reasoner(D, [feature]).reasons(np.array([contribution]), EMPTY | values)
    return reason


def said(feature: str, **values: Any) -> str:
    """What is said of a feature, without the effect."""
    return one(feature, 0.5, **values).text.rpartition(":")[0]


@given(
    st.lists(st.floats(-3, 3), min_size=len(KNOWN), max_size=len(KNOWN)),
    st.integers(0, 6),
    st.randoms(use_true_random=False),
)
def test_a_reason_is_the_sum_over_its_group(
    contributions: list[float], each: int, random: Any
) -> None:
    names = list(KNOWN)
    random.shuffle(names)
    reasons = Reasoner(D, names).reasons(np.array(contributions), EMPTY, each)
    totals: dict[str, float] = {}
    for name, value in zip(names, contributions, strict=True):
        totals[KNOWN[name].group] = totals.get(KNOWN[name].group, 0.0) + value
    for reason in reasons:
        group = KNOWN[reason.feature].group
        assert math.isclose(reason.contribution, totals[group], abs_tol=1e-9)
        mine = [
            abs(c) for n, c in zip(names, contributions, strict=True) if KNOWN[n].group == group
        ]
        assert abs(contributions[names.index(reason.feature)]) == max(mine)
    sizes = [abs(r.contribution) for r in reasons]
    assert sizes == sorted(sizes, reverse=True)
    for sign in (1, -1):
        ways = sorted((sign * t for t in totals.values() if sign * t >= SMALLEST), reverse=True)
        held = [sign * r.contribution for r in reasons if sign * r.contribution > 0]
        np.testing.assert_allclose(held, ways[:each], atol=1e-9)


def test_what_is_too_small_is_no_reason() -> None:
    held = Reasoner(D, ["form_count", "employees", "country"])
    contributions = np.array([SMALLEST * 0.99, -SMALLEST * 0.99, SMALLEST])
    assert [r.feature for r in held.reasons(contributions, EMPTY)] == ["country"]
    assert held.reasons(np.zeros(3), EMPTY) == ()
    # one by one too small, or large but against each other
    two = Reasoner(D, ["form_count", "form_recency_d"])
    assert len(two.reasons(np.array([0.006, 0.006]), EMPTY)) == 1
    assert two.reasons(np.array([2.0, -2.0]), EMPTY) == ()


@pytest.mark.parametrize(
    ("count", "days", "text"),
    [
        (0.0, math.nan, "Pricing page viewed: never"),
        (1.0, 1.0, "Pricing page viewed once, last a day ago"),
        (2.0, 3.2, "Pricing page viewed 2 times, last 3 days ago"),
        (1234.0, 0.01, "Pricing page viewed 1,234 times, last within the hour"),
        (2.0, 1.1 / 24, "Pricing page viewed 2 times, last an hour ago"),
        (2.0, 2.2 / 24, "Pricing page viewed 2 times, last 2 hours ago"),
        (2.0, 1.6, "Pricing page viewed 2 times, last 2 days ago"),
    ],
)
def test_never_once_and_many_times(count: float, days: float, text: str) -> None:
    values = {"pricing_view_count": count, "pricing_view_recency_d": days}
    for suffix in ("count", "recency_d", "rate_7d", "velocity"):
        assert said(f"pricing_view_{suffix}", **values) == text


@pytest.mark.parametrize(
    ("feature", "values", "text"),
    [
        ("events", {"events": 1.0, "recency_d": 2.0}, "Seen once in all, last 2 days ago"),
        (
            "tenure_d",
            {"events": 1500.0, "recency_d": 0.5},
            "Seen 1,500 times in all, last 12 hours ago",
        ),
        ("events", {}, "Never seen"),
        ("channels_30d", {"channels_30d": 1.0}, "1 channel used in the last 30 days"),
        ("channels_30d", {"channels_30d": 3.0}, "3 channels used in the last 30 days"),
        (
            "account_people",
            {"account_people": 1.0, "account_active_7d": 0.0},
            "1 person known at the account, none active in the last week",
        ),
        (
            "account_ticket_rate",
            {"account_people": 4.0, "account_active_7d": 2.0},
            "4 people known at the account, 2 active in the last week",
        ),
        ("last_event_1", {}, "Nothing seen yet"),
        (
            "last_event_2",
            {"last_event_1": "form", "last_event_2": "page_view"},
            "Latest: form submitted, before that page viewed",
        ),
        ("last_event_1", {"last_event_1": "form"}, "Latest: form submitted"),
        ("employees", {"employees": 1200.0}, "Employees: 1,200 people"),
        ("employees", {}, "Employees: not known"),
        ("satisfaction", {"satisfaction": 5.0}, "Satisfaction with support: 5 of 5"),
        ("last_gap_d", {"last_gap_d": 3.2}, "Time between the last two visits or contacts: 3 days"),
        ("mean_gap_d", {"mean_gap_d": 0.25}, "Usual time between visits or contacts: 6 hours"),
        ("mean_gap_d", {"mean_gap_d": 0.01}, f"{USUAL}: less than an hour"),
        ("mean_gap_d", {}, f"{USUAL}: not known"),
        (
            "pricing_to_demo_recency_d",
            {"pricing_to_demo_recency_d": 12.0},
            "A demo was requested after the pricing page: 12 days ago",
        ),
        ("pricing_to_demo_recency_d", {}, "A demo was requested after the pricing page: never"),
        ("active_days_7", {"active_days_7": 3.0}, "Active on 3 of the last 7 days"),
        ("country", {"country": "DE"}, "Country: DE"),
        ("country", {}, "Country: not known"),
    ],
)
def test_what_is_said_of_the_other_groups(feature: str, values: dict[str, Any], text: str) -> None:
    assert said(feature, **values) == text


@pytest.mark.parametrize(
    ("contribution", "text"),
    [
        (math.log(1.4), "raises the odds by 40%"),
        (math.log(2.99), "raises the odds by 199%"),
        (math.log(3.01), "multiplies the odds by 3.0"),
        (math.log(0.5), "lowers the odds by 50%"),
        (-0.02, "lowers the odds by 2%"),
        (0.02, "raises the odds by 2%"),
    ],
)
def test_the_effect_in_words(contribution: float, text: str) -> None:
    assert effect(contribution) == text
    assert one("country", contribution).text.endswith(f": {text}")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_contribution_has_words(contribution: float) -> None:
    assert ("lowers" in effect(contribution)) == (contribution < 0) or abs(contribution) < 1e-15


def test_what_is_missing_has_no_value() -> None:
    assert one("country", 0.5).value is None
    assert one("employees", 0.5).value is None
    assert one("country", 0.5, country="FR").value == "FR"
    assert one("employees", -0.5, employees=3.0).value == 3.0
    assert one("form_count", 0.5).value == 0.0


@pytest.mark.parametrize(
    ("velocity", "trend"),
    [(1.0, ", more often than before"), (-1.0, ", less often than before"), (0.1, ""), (0.0, "")],
)
def test_a_trend_is_said_where_it_is_what_counts(velocity: float, trend: str) -> None:
    values = {"form_count": 4.0, "form_recency_d": 2.0, "form_velocity": velocity}
    assert said("form_velocity", **values) == f"Form submitted 4 times, last 2 days ago{trend}"
    assert said("form_count", **values) == "Form submitted 4 times, last 2 days ago"


def test_every_feature_of_the_service_can_be_said() -> None:
    for name in KNOWN:
        reason = one(name, 1.0)
        assert reason.feature == name
        assert reason.text[0].isupper() or not reason.text[0].isalpha()
