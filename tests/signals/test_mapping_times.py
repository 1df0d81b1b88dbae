"""Times: every form to the right moment in UTC, also where the clock changes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadMapping
from signals.mapping.converters import Bad
from signals.mapping.spec import TimeSpec
from signals.mapping.timestamps import duration, moments, time_zone


def reader(zone: str | None = None, **spec: object) -> Callable[[str], datetime | Bad]:
    made = msgspec.convert({"column": "t", **spec}, TimeSpec)
    return moments(made, time_zone(zone) if zone else None, frozenset({"n/a"}))


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2011-03-27 00:59:59", "2011-03-27T00:59:59"),
        ("2011-03-27 01:30:00", "2011-03-27T01:30:00"),  # skipped: moved on to 02:30 summer time
        ("2011-03-27 02:00:00", "2011-03-27T01:00:00"),
        ("2011-10-30 00:59:59", "2011-10-29T23:59:59"),
        ("2011-10-30 01:30:00", "2011-10-30T00:30:00"),  # occurs twice: the first
        ("2011-10-30 02:00:00", "2011-10-30T02:00:00"),
        ("2011-10-30T01:30:00+00:00", "2011-10-30T01:30:00"),  # its own offset wins
    ],
)
def test_local_times_around_the_clock_changes_of_london(local: str, utc: str) -> None:
    assert reader("Europe/London")(local) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("spec", "raw", "utc"),
    [
        ({}, "2011-10-01T00:38:44.546+02:00", "2011-09-30T22:38:44.546"),
        ({}, " 2011-10-01T00:38:44Z ", "2011-10-01T00:38:44"),
        ({"time_zone": "Asia/Tokyo"}, "2020-01-01", "2019-12-31T15:00"),
        ({"format": "date", "time_zone": "America/Sao_Paulo"}, "2018-01-01", "2018-01-01T02:00"),
        ({"format": "date", "time_zone": "America/Sao_Paulo"}, "2018-05-01", "2018-05-01T03:00"),
        ({"format": "%d/%m/%Y %H.%M", "time_zone": "UTC"}, "31/12/2019 23.59", "2019-12-31T23:59"),
        ({"format": "%d.%m.%y %H:%M %z"}, "01.02.20 03:04 +0100", "2020-02-01T02:04"),
        ({"format": "unix_s"}, "1577836800", "2020-01-01T00:00"),
        ({"format": "unix_s"}, "1577836800.25", "2020-01-01T00:00:00.25"),
        ({"format": "unix_ms"}, "1577836800123", "2020-01-01T00:00:00.123"),
        ({"since": "2015-01-01T00:00:00Z", "unit": "hours"}, "25", "2015-01-02T01:00"),
        ({"since": "2015-01-01T00:00:00+01:00", "plus": "1h"}, "0", "2015-01-01T00:00"),
        ({"plus": "-1.5d", "time_zone": "UTC"}, "2020-01-02T12:00:00", "2020-01-01T00:00"),
    ],
)
def test_every_form(spec: dict[str, str], raw: str, utc: str) -> None:
    assert reader(**spec)(raw) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("spec", "raw", "rule"),
    [
        ({}, "", "time-missing"),
        ({}, "n/a", "time-missing"),
        ({}, "2020-01-01 10:00", "time-without-zone"),
        ({}, "yesterday", "time-format"),
        ({}, "9999-12-31T23:59:59-23:00", "time-format"),
        ({"format": "unix_s"}, "1e400", "time-format"),
        ({"format": "unix_s"}, "nan", "time-format"),
        ({"format": "unix_s"}, "9" * 5000, "time-format"),
        ({"since": "2015-01-01T00:00:00Z", "unit": "days"}, "99999999", "time-format"),
        ({"format": "date", "time_zone": "UTC"}, "2020-01-01T10:00:00", "time-format"),
        ({"format": "%d/%m/%Y", "time_zone": "UTC"}, "2020-01-01", "time-format"),
    ],
)
def test_what_is_no_time_says_why_and_not_what(spec: dict[str, str], raw: str, rule: str) -> None:
    bad = reader(**spec)(raw)
    assert isinstance(bad, Bad)
    assert bad.rule == rule
    assert not raw or raw not in bad.detail


@given(
    st.datetimes(datetime(1975, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["Europe/London", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_a_local_time_comes_back_unless_the_clock_skipped_it(local: datetime, zone: str) -> None:
    found = reader(zone)(local.isoformat(" "))
    assert isinstance(found, datetime)
    back = found.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert timedelta(0) <= back - local <= timedelta(hours=1)
    exists = ZoneInfo(zone).utcoffset(local) == ZoneInfo(zone).utcoffset(back)
    assert (back == local) == exists


@given(st.text(max_size=30))
def test_no_text_whatever_breaks_a_reader(raw: str) -> None:
    for spec in ({}, {"format": "unix_ms"}, {"format": "date"}, {"format": "%Y %j"}):
        found = reader("UTC", **spec)(raw)
        assert isinstance(found, Bad | datetime)


def test_bad_durations_and_zones_say_what_to_do() -> None:
    with pytest.raises(BadMapping, match=r"Write it as 90s"):
        duration("1 fortnight")
    with pytest.raises(BadMapping, match=r"Did you mean .*Europe/London"):
        time_zone("Europe/Londn")
    with pytest.raises(BadMapping, match="time-zone"):
        time_zone("../../etc/passwd")
