"""Times as files hold them: ISO, strptime patterns, unix time, serial numbers; all out in UTC.

A time without an offset is local to the zone that the mapping names. Where the clock is put back,
a local time occurs twice, and the first is meant; where it is put forward, a skipped time is
moved on by the gap (PEP 495 with fold=0). A zone in the text is meant before any other.
"""

import re
from collections.abc import Callable, Container
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from domain.errors import BadMapping
from signals.mapping.converters import Bad, text
from signals.mapping.numerals import Unread, complete, exact, numeral
from signals.mapping.spec import TimeSpec
from signals.mapping.strptime import pattern_reader

ParseTime = Callable[[str], datetime]

_US = 1_000_000
_UNIX = {"unix_s": 1, "unix_ms": 1_000, "unix_us": 1_000_000, "unix_ns": 1_000_000_000}
_EXCEL = {"excel": datetime(1899, 12, 30), "excel_1904": datetime(1904, 1, 1)}  # noqa: DTZ001
_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}
NAMED = ("iso", "date", *_UNIX, *_EXCEL)
LOCAL = ("date", *_EXCEL)
"""Named formats whose texts never have an offset."""

ABSOLUTE = tuple(_UNIX)
"""Named formats that count from one moment, the same in every zone."""

_DURATION = re.compile(r"(-?\d+(?:\.\d+)?)(s|m|h|d)", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAST, _MOST = 10**8, 10**10
"""Seconds of unix time from 1973 to 2286: in these no two units of unix time can be confused."""

_FIRST_SERIAL = 61
"""The 1st of March 1900: before it Excel counts a day that there never was."""

_ZONE_AT_END = re.compile(r"(?<=[0-9]) ?([A-Za-z]{1,5})$")
_CERTAIN = ("UTC", "GMT", "Z")


def time_zone(name: str) -> tzinfo:
    """The zone of an IANA name. Raises BadMapping, with the names that come close."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as bad:
        close = get_close_matches(name, available_timezones(), 3, 0.5)
        raise BadMapping(
            f"time_zone {name!r} is not known",
            rule="time-zone",
            todo=f"Did you mean {' or '.join(close)}?" if close else "Use a name like Europe/Rome.",
        ) from bad


def duration(words: str) -> timedelta:
    """A duration such as 90s, 30m, 1h, 1.5d or -2h. Raises BadMapping.

    >>> duration("1.5h")
    datetime.timedelta(seconds=5400)
    """
    match = _DURATION.fullmatch(words)
    if match is None:
        raise BadMapping(
            f"plus is {words!r}", rule="duration", todo="Write it as 90s, 30m, 1h, 2d."
        )
    return timedelta(**{_UNITS[match[2]]: float(match[1])})


def moments(
    spec: TimeSpec, zone: tzinfo | None, missing: Container[str], point: str = "."
) -> Callable[[str], datetime | Bad]:
    """The conversion of a column's text to a UTC moment, or to what is wrong with it.

    `zone` is for local times where the spec names none of its own; `point` is the decimal sign of
    counted times.
    """
    zone = time_zone(spec.time_zone) if spec.time_zone else zone
    clean, read, plus = text(missing), _reader(spec, zone, point), duration(spec.plus)
    where = spec.column or "row"
    expected = "a serial number" if spec.since else f"a time in the format {spec.format or 'iso'}"
    absent = Bad("time-missing", f"column {where}: the time is missing", where)
    other = Bad("time-format", f"column {where}: not {expected}", where)

    def convert(raw: str) -> datetime | Bad:
        value = clean(raw)
        if value is None:
            return absent
        try:
            return read(value) + plus
        except Unread as bad:
            return Bad(bad.rule, f"column {where}: {bad.detail}", where)
        except (ValueError, OverflowError):
            return other

    return convert


def _reader(spec: TimeSpec, zone: tzinfo | None, point: str) -> ParseTime:
    if spec.since is not None:
        return _since(spec.since, spec.unit or "seconds", zone, point)
    match spec.format or "iso":
        case "iso":
            return _iso(zone)
        case "date":
            return lambda value: _in_utc(_midnight(value), zone)
        case name if name in _UNIX:
            return _unix(_UNIX[name], point)
        case name if name in _EXCEL:
            return _serial(_EXCEL[name], _FIRST_SERIAL if name == "excel" else 0, zone, point)
        case pattern:
            by_pattern = pattern_reader(pattern)
            return lambda value: _in_utc(by_pattern(value), zone)


def _in_utc(moment: datetime, zone: tzinfo | None) -> datetime:
    if moment.tzinfo is None:
        if zone is None:
            raise Unread("time-without-zone", "no offset; set time_zone in the mapping")
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)


def _iso(zone: tzinfo | None) -> ParseTime:
    def read(value: str) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = _iso_with_name(value)
        return _in_utc(moment, zone)

    return read


def _iso_with_name(value: str) -> datetime:
    """A moment with a zone's name after it, of which only that of UTC is certain."""
    match = _ZONE_AT_END.search(value)
    if match is None or match[1].upper() in ("AM", "PM"):
        raise ValueError
    local = datetime.fromisoformat(value[: match.start()])
    if match[1].upper() not in _CERTAIN or local.tzinfo is not None:
        raise Unread("time-zone-name", "a zone's name that may mean several; write an offset")
    return local.replace(tzinfo=UTC)


def _midnight(value: str) -> datetime:
    if len(value) > len("2026-01-01"):
        raise ValueError
    return datetime.fromisoformat(value)


def _count(value: str, point: str) -> Decimal:
    """A number in full; raises Unread where digits are missing, ValueError where it is none."""
    try:
        seconds = numeral(value, point)
        if seconds.currency or seconds.percent:
            raise ValueError
        powers = "e" in seconds.plain.lower()
        return complete(seconds.plain) if powers else exact(seconds.plain)
    except Unread as bad:
        if bad.rule == "number-inexact":
            raise Unread("time-inexact", bad.detail) from bad
        if bad.rule == "number-ambiguous":
            raise
        raise ValueError from bad


def _moved(start: datetime, us: Decimal, step: int) -> datetime:
    """So many microseconds on, to the nearest `step` of them."""
    if abs(us) > 10**18:
        raise OverflowError
    return start + timedelta(microseconds=int((us / step).to_integral_value()) * step)


def _unix(a_second: int, point: str) -> ParseTime:
    def read(value: str) -> datetime:
        count = _count(value, point)
        if not _LEAST <= count / a_second < _MOST:
            raise Unread("time-magnitude", _other_unit(count))
        return _moved(_EPOCH, count * _US / a_second, 1)

    return read


def _other_unit(count: Decimal) -> str:
    for name, a_second in _UNIX.items():
        if _LEAST <= count / a_second < _MOST:
            return f"looks like another unit; set format: {name}"
    return "not between 1973 and 2286; for a count from another moment set since and unit"


def _serial(start: datetime, least: int, zone: tzinfo | None, point: str) -> ParseTime:
    """Days of a calendar, counted from a local time, to the millisecond, as in spreadsheets."""

    def read(value: str) -> datetime:
        days = _count(value, point)
        if days < least:
            raise Unread("time-magnitude", "a serial number before March 1900; is it a time alone?")
        return _in_utc(_moved(start, days * 86_400 * _US, 1_000), zone)

    return read


def _since(since: datetime, unit: str, zone: tzinfo | None, point: str) -> ParseTime:
    """A count from a moment. Days are the calendar's where a zone is named; all else elapses."""
    if unit == "days" and zone is not None:
        return _serial(since.replace(tzinfo=None), -(10**9), zone, point)
    start, length = since.astimezone(UTC), _SECONDS[unit] * _US
    step = 1 if unit == "seconds" else 1_000

    return lambda value: _moved(start, _count(value, point) * length, step)
