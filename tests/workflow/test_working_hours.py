"""Working hours: by zones and their clocks, weekends, holidays."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.clock import from_us, to_us
from domain.errors import BadConfiguration
from tests.workflow.charts import DAY, HOUR, MONDAY, NOON
from workflow.hours.calendar import WorkingCalendar, calendars_of
from workflow.hours.spec import CalendarSpec, Duration

BERLIN = CalendarSpec(zone="Europe/Berlin")
GERMANY = CalendarSpec(zone="Europe/Berlin", country="DE")
CLOSED = CalendarSpec(zone="Europe/Berlin", closed=("2026-01-06",))


def us(text: str, zone: str = "Europe/Berlin") -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


@pytest.mark.parametrize(
    ("spec", "begin", "hours", "end"),
    [
        (BERLIN, "2026-01-05T09:00", 4, "2026-01-05T13:00"),
        (BERLIN, "2026-01-05T16:00", 4, "2026-01-06T12:00"),
        (BERLIN, "2026-01-09T16:00", 4, "2026-01-12T12:00"),  # over a weekend
        (BERLIN, "2026-01-10T03:00", 1, "2026-01-12T10:00"),
        (BERLIN, "2026-01-05T06:00", 8, "2026-01-05T17:00"),
        (BERLIN, "2026-01-05T06:00", 8.5, "2026-01-06T09:30"),
        # the clock is put forward on 2026-03-29 and back on 2026-10-25: nine is nine
        (BERLIN, "2026-03-27T16:00", 2, "2026-03-30T10:00"),
        (BERLIN, "2026-10-23T16:00", 2, "2026-10-26T10:00"),
        # Good Friday and Easter Monday
        (GERMANY, "2026-04-02T16:00", 2, "2026-04-07T10:00"),
        # Epiphany, in Bavaria
        (
            CalendarSpec(zone="Europe/Berlin", country="DE", subdivision="BY"),
            "2026-01-05T16:00",
            2,
            "2026-01-07T10:00",
        ),
        (CLOSED, "2026-01-05T16:00", 2, "2026-01-07T10:00"),
    ],
)
def test_working_hours_pass_only_while_somebody_works(
    spec: CalendarSpec, begin: str, hours: float, end: str
) -> None:
    calendar = WorkingCalendar(spec)
    assert from_us(calendar.later(us(begin), Duration(working_hours=hours))) == from_us(us(end))


def test_other_durations_pass_always() -> None:
    calendar = WorkingCalendar(BERLIN)
    assert calendar.later(NOON, Duration(days=2)) == NOON + 2 * DAY
    assert calendar.later(NOON, Duration(hours=1.5)) == NOON + 3 * HOUR // 2
    assert calendar.later(NOON, Duration(minutes=90)) == NOON + 3 * HOUR // 2


@limits(max_examples=80, deadline=None)
@given(
    begin=st.integers(0, 400 * 24 * 60),
    hours=st.floats(0.01, 200),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
)
def test_what_is_worked_until_then_is_the_duration(begin: int, hours: float, zone: str) -> None:
    calendar = WorkingCalendar(CalendarSpec(zone=zone))
    begin_us = MONDAY + begin * HOUR // 60
    duration = Duration(working_hours=hours)
    end_us = calendar.later(begin_us, duration)
    assert calendar.working_us(begin_us, end_us) == round(hours * HOUR)
    assert calendar.working_us(begin_us, end_us - 1) < round(hours * HOUR)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (CalendarSpec(zone="Europe/Nowhere"), "time zone"),
        (CalendarSpec(zone="../../etc/passwd"), "time zone"),
        (CalendarSpec(country="XX"), "no holidays"),
        (CalendarSpec(country="DE", subdivision="ZZ"), "no holidays"),
        (CalendarSpec(closed=("2026-02-30",)), "is no date"),
    ],
)
def test_a_calendar_that_is_none_is_refused(spec: CalendarSpec, words: str) -> None:
    with pytest.raises(BadConfiguration, match=words) as raised:
        calendars_of({"office": spec})
    assert "office" in str(raised.value)


@pytest.mark.parametrize("values", [{}, {"hours": 1.0, "days": 1.0}, {"hours": None}])
def test_a_duration_has_one_unit(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="one of minutes"):
        Duration(**values)
