"""Every time format reads what it wrote, uses each setting that it accepts, refuses the rest."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadMapping
from signals.mapping.converters import Bad
from signals.mapping.spec import TimeSpec
from signals.mapping.time_validation import check_time
from signals.mapping.timestamps import moments, time_zone

NEW_YORK = ZoneInfo("America/New_York")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANTS = st.datetimes(datetime(1980, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def reader(zone: str | None = None, point: str = ".", **spec: Any) -> Callable[[str], Any]:
    made = msgspec.convert({"column": "t", **spec}, TimeSpec)
    check_time(made, made.time_zone or zone)
    return moments(made, time_zone(zone) if zone else None, frozenset(), point)


def us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def excel(moment: datetime, start: datetime) -> str:
    days = (moment.replace(tzinfo=None) - start) / timedelta(days=1)
    return f"{days:.10f}"


def rfc(moment: datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


NAIVE_1900, NAIVE_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001
WRITTEN: list[tuple[dict[str, str], Callable[[datetime], str], int]] = [
    ({}, lambda t: t.isoformat(), 1),
    ({}, lambda t: t.astimezone(NEW_YORK).isoformat(" "), 1),
    ({}, lambda t: t.strftime("%Y-%m-%d %H:%M:%S UTC"), 10**6),
    ({"format": "unix_s"}, lambda t: f"{us(t) // 10**6}.{us(t) % 10**6:06d}", 1),
    ({"format": "unix_s"}, lambda t: str(us(t) // 10**6), 10**6),
    ({"format": "unix_ms"}, lambda t: str(us(t) // 1000), 1000),
    ({"format": "unix_us"}, lambda t: str(us(t)), 1),
    ({"format": "unix_us"}, lambda t: f"{us(t)}.0", 1),
    ({"format": "unix_ns"}, lambda t: str(us(t) * 1000), 1),
    ({"format": "excel", "time_zone": "UTC"}, lambda t: excel(t, NAIVE_1900), 1000),
    ({"format": "excel_1904", "time_zone": "UTC"}, lambda t: excel(t, NAIVE_1904), 1000),
    ({"since": "1899-12-30T00:00:00Z", "unit": "days"}, lambda t: excel(t, NAIVE_1900), 1000),
    ({"since": "2001-01-01T00:00:00Z"}, lambda t: str(us(t) // 10**6 - 978307200), 10**6),
    ({"format": "%d.%m.%Y %H:%M:%S %z"}, lambda t: t.strftime("%d.%m.%Y %H:%M:%S +0000"), 10**6),
    (
        {"format": "%A, %d %B %Y %I:%M:%S.%f %p", "time_zone": "UTC"},
        lambda t: t.strftime("%A, %d %B %Y %I:%M:%S.%f %p"),
        1,
    ),
    ({"format": "%a, %d %b %Y %H:%M:%S %Z"}, rfc, 10**6),
    ({"format": "%Y %j %H%M%S", "time_zone": "UTC"}, lambda t: t.strftime("%Y %j %H%M%S"), 10**6),
    ({"format": "%G-W%V-%u", "time_zone": "UTC"}, lambda t: t.strftime("%G-W%V-%u"), 86400 * 10**6),
    ({"format": "date", "time_zone": "UTC"}, lambda t: t.strftime("%Y-%m-%d"), 86400 * 10**6),
]


@pytest.mark.parametrize(("spec", "write", "step_us"), WRITTEN)
@given(INSTANTS)
def test_a_format_reads_what_it_wrote(
    spec: dict[str, str], write: Callable[[datetime], str], step_us: int, moment: datetime
) -> None:
    found = reader(**spec)(write(moment))
    assert isinstance(found, datetime), found
    assert abs(us(found) - us(moment) // step_us * step_us) <= (step_us if step_us == 1000 else 0)


@given(INSTANTS, st.sampled_from(["America/New_York", "Asia/Kolkata", "Europe/London"]))
def test_serials_are_local_days_of_the_zone(moment: datetime, zone: str) -> None:
    local = moment.astimezone(ZoneInfo(zone)).replace(microsecond=0, fold=0)
    found = reader(format="excel", time_zone=zone)(excel(local, NAIVE_1900))
    assert found == local.astimezone(UTC)
    days = {"since": "1899-12-30T00:00:00Z", "unit": "days"}
    assert reader(zone, **days)(excel(local, NAIVE_1900)) == local.astimezone(UTC)


@pytest.mark.parametrize(
    ("spec", "raw", "utc"),
    [
        ({"format": "%Y-%m-%d %H:%M %Z", "zone": "Asia/Tokyo"}, "2024-07-01 10:00 UTC", "10:00"),
        ({"format": "%Y-%m-%d %H:%M %Z"}, "2024-07-01 10:00 gmt", "10:00"),
        ({"format": "%Y-%m-%dT%H:%M%Z"}, "2024-07-01T10:00Z", "10:00"),
        ({"format": "%Y-%m-%d %H:%M %Z"}, "2024-07-01 10:00 +0200", "08:00"),
        ({"zone": "America/New_York"}, "2024-07-01 10:00:00 UTC", "10:00"),
        ({"format": "%m/%d/%Y %I:%M %p", "time_zone": "UTC"}, "7/1/2024 2:30 PM", "14:30"),
        ({"format": "unix_s", "point": ","}, "1719828000,0", "10:00"),
        ({"format": "unix_ms"}, "1719828000000.0", "10:00"),
        ({"format": "unix_us"}, "1.719828000000000E+15", "10:00"),
        ({"format": "excel", "time_zone": "UTC"}, "45474.4166666667", "10:00"),
        ({"format": "excel", "time_zone": "UTC", "point": ","}, "45474,4166666667", "10:00"),
        ({"format": "excel_1904", "time_zone": "UTC"}, "44012.4166666667", "10:00"),
    ],
)
def test_zones_in_texts_and_counts(spec: dict[str, str], raw: str, utc: str) -> None:
    assert reader(**spec)(raw) == datetime.fromisoformat(f"2024-07-01T{utc}:00+00:00")


@pytest.mark.parametrize(
    ("spec", "raw", "rule", "says"),
    [
        ({"format": "%Y-%m-%d %H:%M %Z"}, "2024-07-01 10:00 EST", "time-zone-name", "offset"),
        ({"format": "%Y-%m-%d %H:%M %Z"}, "2024-07-01 10:00", "time-format", "%Z"),
        ({"zone": "UTC"}, "2024-07-01 10:00:00 CST", "time-zone-name", "offset"),
        ({"zone": "UTC"}, "2024-07-01 10:00:00 PM", "time-format", "iso"),
        ({"format": "unix_s"}, "1719828000000", "time-magnitude", "unix_ms"),
        ({"format": "unix_s"}, "1719828000000000", "time-magnitude", "unix_us"),
        ({"format": "unix_ms"}, "1719828000", "time-magnitude", "unix_s"),
        ({"format": "unix_ms"}, "1719828000000000", "time-magnitude", "unix_us"),
        ({"format": "unix_ns"}, "1719828000000000", "time-magnitude", "unix_us"),
        ({"format": "unix_s"}, "45474.41", "time-magnitude", "since"),
        ({"format": "unix_s"}, "0", "time-magnitude", "1973"),
        ({"format": "unix_ms"}, "1.71983E+12", "time-inexact", "digits"),
        ({"format": "unix_s"}, "0x6682", "time-format", "unix_s"),
        ({"format": "unix_s"}, "$1719828000", "time-format", "unix_s"),
        ({"format": "excel", "time_zone": "UTC"}, "0.4166", "time-magnitude", "1900"),
        ({"format": "%a %d %b %Y", "time_zone": "UTC"}, "Sun 01 Jul 2024", "time-format", "%a"),
    ],
)
def test_what_is_no_certain_time_says_what_to_do(
    spec: dict[str, str], raw: str, rule: str, says: str
) -> None:
    bad = reader(**spec)(raw)
    assert isinstance(bad, Bad)
    assert bad.rule == rule
    assert says in bad.detail
    assert raw not in bad.detail


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"format": "%m/%d/%Y %H:%M %p", "time_zone": "UTC"}, "It goes with %I"),
        ({"format": "%m/%d/%Y %I:%M", "time_zone": "UTC"}, "It goes with %p"),
        ({"format": "%m/%d/%Y %H %I %p", "time_zone": "UTC"}, "say the same"),
        ({"format": "%Y-%m-%dT%H:%M:%SZ", "time_zone": "UTC"}, "Write %z"),
        ({"format": "%Y-%m-%d %H:%M UTC"}, "Write %z"),
        ({"format": "%c", "time_zone": "UTC"}, "depends on the machine"),
        ({"format": "%-d.%m.%Y", "time_zone": "UTC"}, "not known"),
        ({"format": "%d.%d.%Y", "time_zone": "UTC"}, "twice"),
        ({"format": "%d.%m.", "time_zone": "UTC"}, "%Y"),
        ({"format": "%H:%M", "time_zone": "UTC"}, "It goes with %d"),
        ({"format": "%Y %U", "time_zone": "UTC"}, "It goes with %a"),
        ({"format": "%Y-%m-%d %w", "time_zone": "UTC"}, "It goes with %U"),
        ({"format": "%Y %j %m", "time_zone": "UTC"}, "say the same"),
        ({"format": "%Y %d", "time_zone": "UTC"}, "It goes with %m"),
        ({"format": "%G %u", "time_zone": "UTC"}, "%V"),
        ({"format": "%Y-%m-%d"}, "Set time_zone"),
        ({"format": "%Y %H:%M", "time_zone": "UTC"}, "It goes with %d"),
        ({"format": "excel"}, "Set time_zone"),
        ({"format": "%Y-%m-%d %H:%M %z", "time_zone": "UTC"}, "nothing uses this time_zone"),
        ({"format": "unix_ms", "time_zone": "UTC"}, "nothing uses this time_zone"),
        ({"since": "2020-01-01T00:00:00Z", "unit": "hours", "time_zone": "UTC"}, "nothing uses"),
        ({"since": "2020-01-01T00:00:00+02:00", "unit": "days", "zone": "UTC"}, "with Z"),
        ({"unit": "days"}, "nothing uses unit"),
        ({"since": "2020-01-01T00:00:00Z", "format": "iso"}, "no format"),
        ({"column": None, "at": "2020-01-01T00:00:00Z", "time_zone": "UTC"}, "beside at"),
        ({"column": None, "at": "2020-01-01T00:00:00Z", "format": "iso"}, "beside at"),
        ({"column": None, "row": True}, "Give since"),
        ({"row": True, "since": "2020-01-01T00:00:00Z"}, "exactly one"),
    ],
)
def test_a_setting_that_nothing_would_use_is_refused_with_the_mapping(
    spec: dict[str, Any], says: str
) -> None:
    with pytest.raises(BadMapping, match=says):
        reader(**{"zone": None, **spec})


SAMPLES = [
    "2024-07-01T10:30:00", "2024-07-01 10:30", "2024-07-01", "01.07.2024 02:30 PM",
    "1719828000", "1719828000000", "1719828000000000", "45474.25", "100.5",
    "2024-07-01 10:30 +0200", "2024-07-01 10:30 UTC",
]  # fmt: skip
SETTINGS: dict[str, list[Any]] = {
    "format": [
        None, "iso", "date", "unix_s", "unix_ms", "unix_us", "excel", "excel_1904",
        "%Y-%m-%d %H:%M", "%d.%m.%Y %I:%M %p", "%d.%m.%Y %H:%M %p", "%Y-%m-%d %H:%M %z",
        "%Y-%m-%d %H:%M %Z",
    ],
    "since": [None, "2020-01-01T00:00:00Z", "2021-02-03T04:00:00Z", "2020-01-01T00:00:00+02:00"],
    "unit": [None, "seconds", "minutes", "hours", "days"],
    "time_zone": [None, "Asia/Tokyo", "America/New_York"],
    "plus": ["0s", "90s", "-1d"],
}  # fmt: skip


def _results(spec: dict[str, Any]) -> list[Any] | None:
    """What a combination makes of the samples; None where it is refused with the mapping."""
    try:
        read = reader(**{k: v for k, v in spec.items() if v is not None})
    except BadMapping:
        return None
    return [found if isinstance(found := read(raw), datetime) else None for raw in SAMPLES]


@given(st.fixed_dictionaries({k: st.sampled_from(v) for k, v in SETTINGS.items()}), st.data())
def test_every_setting_that_is_accepted_is_used(spec: dict[str, Any], data: st.DataObject) -> None:
    results = _results(spec)
    given_ = [k for k, v in spec.items() if v not in (None, "0s")]
    if results is None or not given_:
        return
    assert any(results), "a combination that is accepted and reads nothing"
    key = data.draw(st.sampled_from(given_))
    others = [v for v in SETTINGS[key] if v != spec[key]]
    differs = [_results({**spec, key: other}) for other in others]
    same = (key, spec[key]) == ("format", "iso") or (key, spec[key]) == ("unit", "seconds")
    assert same or any(other != results for other in differs)
