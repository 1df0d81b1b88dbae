"""Each rule of the event gate fires, and does not fire."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.clock import to_us
from domain.errors import BadSignal
from domain.findings import QualityFinding, QualityFindings
from domain.signals import Signal
from signals.quality.event_gate import EventGate
from signals.quality.rules import EventRules, TimeRules, ValueRule
from wiring.quality import load_quality

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
PACKAGED = load_quality(Path("nowhere")).events
Offset = timedelta


def found_of(
    rules: EventRules,
    time: datetime = NOW,
    recorded: datetime | None = None,
    data: dict[str, Any] | None = None,
    type_name: str = "web.page_viewed",
) -> tuple[str | None, dict[str, int]]:
    """The rule that rejects, if one does, and the counts by rule."""
    signal = Signal(
        id="1", source="web", type=type_name, time=time, recordedtime=recorded, data=data or {}
    )
    found, rejected = QualityFindings(), None
    told = None if recorded is None else to_us(recorded)
    try:
        EventGate(rules).check(signal, to_us(time), told, to_us(NOW), found)
    except BadSignal as bad:
        rejected = bad.rule
    assert {f.about for f in found.counts()} <= {f"web/{type_name}"}
    return rejected, {f.rule: n for f, n in found.counts().items()}


def test_an_ordinary_event_breaks_nothing() -> None:
    recorded = NOW + Offset(seconds=3)
    data = {"page": "pricing", "duration_s": 12.5, "country": "DE"}
    assert found_of(PACKAGED, NOW, recorded, data) == (None, {})
    assert found_of(PACKAGED, NOW - Offset(days=3650)) == (None, {}), "history is no fault"


@pytest.mark.parametrize(
    ("time", "recorded", "rejected", "rule"),
    [
        (datetime(1989, 12, 31, tzinfo=UTC), None, True, "before-source"),
        (NOW + Offset(hours=25), None, True, "future-time"),
        (NOW, NOW + Offset(hours=25), True, "future-time"),
        (NOW + Offset(minutes=6), None, False, "clock-ahead"),
        (NOW - Offset(days=1), NOW + Offset(minutes=6), False, "clock-ahead"),
        (NOW, NOW - Offset(hours=2), False, "clock-behind"),
        (NOW - Offset(days=731), NOW, False, "very-late"),
    ],
)
def test_rules_about_times_fire(
    time: datetime, recorded: datetime | None, rejected: bool, rule: str
) -> None:
    assert found_of(PACKAGED, time, recorded) == (rule if rejected else None, {rule: 1})


@pytest.mark.parametrize(
    ("time", "recorded"),
    [
        (datetime(1990, 1, 1, tzinfo=UTC), None),
        (NOW + Offset(minutes=5), None),
        (NOW, NOW - Offset(hours=1)),
        (NOW - Offset(days=730), NOW),
    ],
)
def test_rules_about_times_leave_their_limits_alone(
    time: datetime, recorded: datetime | None
) -> None:
    assert found_of(PACKAGED, time, recorded) == (None, {})


def test_a_source_may_have_begun_later_than_the_others() -> None:
    rules = msgspec.structs.replace(PACKAGED, since_of={"web": datetime(2020, 1, 1, tzinfo=UTC)})
    assert found_of(rules, datetime(2019, 1, 1, tzinfo=UTC))[0] == "before-source"
    other = msgspec.structs.replace(PACKAGED, since_of={"crm": datetime(2020, 1, 1, tzinfo=UTC)})
    assert found_of(other, datetime(2019, 1, 1, tzinfo=UTC)) == (None, {})


def test_configuration_decides_what_a_rule_does() -> None:
    late = NOW + Offset(hours=25)
    for severity in ("off", "warn", "reject"):
        times = msgspec.convert({"future-time": severity}, TimeRules)
        rejected, counts = found_of(EventRules(times=times), late)
        assert rejected == ("future-time" if severity == "reject" else None)
        assert counts == ({} if severity == "off" else {"future-time": 1})


@pytest.mark.parametrize(
    ("data", "type_name", "rejected", "rule"),
    [
        ({"duration_s": -0.5}, "web.page_viewed", True, "negative-duration"),
        ({"minutes": -1}, "marketing.webinar_attended", True, "negative-duration"),
        ({"minutes": 2000}, "marketing.webinar_attended", False, "impossible-duration"),
        ({"amount": -10.0}, "crm.deal_won", True, "impossible-amount"),
        ({"country": " Undefined "}, "crm.lead_created", False, "placeholder"),
    ],
)
def test_impossible_values_fire(
    data: dict[str, Any], type_name: str, rejected: bool, rule: str
) -> None:
    found = found_of(PACKAGED, data=data, type_name=type_name)
    assert found == (rule if rejected else None, {rule: 1})


@pytest.mark.parametrize(
    ("data", "type_name"),
    [
        ({"duration_s": 0}, "web.page_viewed"),
        ({"duration_s": None}, "web.page_viewed"),
        ({"duration_s": "long"}, "web.page_viewed"),
        ({"duration_s": True}, "web.page_viewed"),
        ({"duration_s": [1]}, "web.page_viewed"),
        ({"amount": -10.0}, "some.other_type"),
        ({"country": "undefined behaviour"}, "crm.lead_created"),
        ({"name": "null"}, "crm.lead_created"),
    ],
)
def test_other_values_do_not(data: dict[str, Any], type_name: str) -> None:
    assert found_of(PACKAGED, data=data, type_name=type_name) == (None, {})


def test_fields_are_compared_with_each_other() -> None:
    rule = ValueRule(rule="opened-late", field="opened", not_above="sent")
    rules = EventRules(values=(rule,))
    assert found_of(rules, data={"opened": 3, "sent": 2})[0] == "opened-late"
    assert found_of(rules, data={"opened": 3.5, "sent": 3.25})[0] == "opened-late"
    for fine in ({"opened": 2, "sent": 2}, {"opened": 3}, {"opened": 3, "sent": "x"}, {"sent": 1}):
        assert found_of(rules, data=fine) == (None, {})


def test_every_broken_rule_is_counted_and_the_first_rejecting_one_named() -> None:
    warns = ValueRule(rule="odd", field="duration_s", least=0, severity="warn")
    rejects = ValueRule(rule="wrong", field="duration_s", least=-1)
    rules = EventRules(values=(warns, rejects))
    assert found_of(rules, data={"duration_s": -2}) == ("wrong", {"odd": 1, "wrong": 1})
    assert found_of(rules, data={"duration_s": -0.5}) == (None, {"odd": 1})


def test_labels_hold_no_personal_data() -> None:
    found = QualityFindings()
    signal = Signal(id="1", source="someone@company.com", type="web.page_viewed", time=NOW)
    late = to_us(NOW + Offset(minutes=10))
    EventGate(PACKAGED).check(signal, late, None, to_us(NOW), found)
    assert found.counts() == {QualityFinding("event", "clock-ahead", "other"): 1}
