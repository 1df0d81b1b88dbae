"""Times as files hold them: ISO, strptime patterns, unix time, serial numbers; all out in UTC.

A time without an offset is local to the zone that the mapping names. Where the clock is put back,
a local time occurs twice, and the first is meant; where it is put forward, a skipped time is
moved on by the gap (PEP 495 with fold=0).
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from domain.errors import BadMapping
from signals.cells import Bad, text
from signals.mapping_format import TimeSpec

NAMED = ("iso", "date", "unix_s", "unix_ms")
_DURATION = re.compile(r"(-?\d+(?:\.\d+)?)(s|m|h|d)", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Read = Callable[[str], datetime]


class _NoZone(ValueError):
    """The text has no offset and the mapping names no zone."""


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
    found = _DURATION.fullmatch(words)
    if found is None:
        raise BadMapping(
            f"plus is {words!r}", rule="duration", todo="Write it as 90s, 30m, 1h, 2d."
        )
    return timedelta(**{_UNITS[found[2]]: float(found[1])})


def moments(
    spec: TimeSpec, zone: tzinfo | None, missing: frozenset[str]
) -> Callable[[str], datetime | Bad]:
    """The conversion of a column's text to a UTC moment, or to what is wrong with it.

    `zone` is for local times where the spec names none of its own.
    """
    zone = time_zone(spec.time_zone) if spec.time_zone else zone
    clean, read, plus = text(missing), _reader(spec, zone), duration(spec.plus)
    column = f"column {spec.column}"
    expected = "a serial number" if spec.since else f"a time in the format {spec.format}"

    def convert(raw: str) -> datetime | Bad:
        value = clean(raw)
        if value is None:
            return Bad("time-missing", f"{column}: the time is missing")
        try:
            return read(value) + plus
        except _NoZone:
            return Bad("time-without-zone", f"{column}: no offset; set time_zone in the mapping")
        except (ValueError, OverflowError):
            return Bad("time-format", f"{column}: not {expected}")

    return convert


def _reader(spec: TimeSpec, zone: tzinfo | None) -> Read:
    if spec.since is not None:
        return _counted(spec.since.astimezone(UTC), timedelta(**{spec.unit: 1}))
    match spec.format:
        case "iso":
            return lambda value: _in_utc(datetime.fromisoformat(value), zone)
        case "date":
            return lambda value: _in_utc(_midnight(value), zone)
        case "unix_s":
            return _counted(_EPOCH, timedelta(seconds=1))
        case "unix_ms":
            return _counted(_EPOCH, timedelta(milliseconds=1))
        case pattern:
            return lambda value: _in_utc(datetime.strptime(value, pattern), zone)  # noqa: DTZ007


def _in_utc(moment: datetime, zone: tzinfo | None) -> datetime:
    if moment.tzinfo is None:
        if zone is None:
            raise _NoZone
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)


def _midnight(value: str) -> datetime:
    if len(value) > len("2026-01-01"):
        raise ValueError
    return datetime.fromisoformat(value)


def _counted(start: datetime, unit: timedelta) -> Read:
    def read(value: str) -> datetime:
        try:
            return start + int(value) * unit
        except ValueError:
            return start + float(value) * unit

    return read
