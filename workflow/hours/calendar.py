"""Moments so many working hours later, by a calendar's zone, days and holidays."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.clock import SECOND, from_us, to_us
from domain.errors import BadConfiguration
from workflow.hours.spec import WEEKDAYS, CalendarSpec, Duration

HOUR = 3_600 * SECOND
LONGEST_GAP_DAYS = 400
"""So many days in a row without work at most: else nobody ever works."""
DEFAULT = "default"


class WorkingCalendar:
    """The working time of one calendar. Raises BadConfiguration for a zone or country unknown."""

    def __init__(self, spec: CalendarSpec, name: str = DEFAULT) -> None:
        self.spec = spec
        self._name = name
        self._zone = _zone(spec.zone, name)
        self._days = frozenset(WEEKDAYS.index(day) for day in spec.days)
        self._begin, self._end = _minutes(spec.begin), _minutes(spec.end)
        self._closed = frozenset(_date(text, name) for text in spec.closed)
        if spec.country or spec.subdivision:
            _holidays(spec.country, spec.subdivision, 2026, name)  # refused now, not in January

    def later(self, begin_us: int, duration: Duration) -> int:
        """The moment at which a duration that begins then has passed; microseconds since 1970."""
        if duration.minutes is not None:
            return begin_us + round(duration.minutes * 60 * SECOND)
        if duration.hours is not None:
            return begin_us + round(duration.hours * HOUR)
        if duration.days is not None:
            return begin_us + round(duration.days * 24 * HOUR)
        return self._worked(begin_us, round((duration.working_hours or 0) * HOUR))

    def working_us(self, begin_us: int, end_us: int) -> int:
        """How much of a stretch of time is worked, microseconds; it has 5 years at most."""
        day, total = from_us(begin_us).astimezone(self._zone).date(), 0
        last = from_us(end_us).astimezone(self._zone).date()
        while day <= last:
            if self.works_on(day):
                opens, closes = self._hours(day)
                total += max(min(closes, end_us) - max(opens, begin_us), 0)
            day += timedelta(days=1)
        return total

    def works_on(self, day: date) -> bool:
        """Whether somebody works on that day."""
        if day.weekday() not in self._days or day in self._closed:
            return False
        spec = self.spec
        return not spec.country or day not in _holidays(
            spec.country, spec.subdivision, day.year, self._name
        )

    def _worked(self, begin_us: int, left_us: int) -> int:
        day, idle = from_us(begin_us).astimezone(self._zone).date(), 0
        while idle < LONGEST_GAP_DAYS:
            idle += 1
            if self.works_on(day):
                opens, closes = self._hours(day)
                opens = max(opens, begin_us)
                if closes > opens:
                    idle = 0
                    if left_us <= closes - opens:
                        return opens + left_us
                    left_us -= closes - opens
            day += timedelta(days=1)
        raise BadConfiguration(
            f"calendar {self._name}: nobody works for {LONGEST_GAP_DAYS} days",
            rule="calendar-works",
            todo="See its days, its holidays and the dates under `closed`.",
        )

    def _hours(self, day: date) -> tuple[int, int]:
        """When work begins and ends on a day; a clock that is put forward or back is heeded."""
        return _moment(day, self._begin, self._zone), _moment(day, self._end, self._zone)


def calendars_of(specs: Mapping[str, CalendarSpec]) -> dict[str, WorkingCalendar]:
    """Calendars by name, `default` among them."""
    specs = {DEFAULT: CalendarSpec(), **specs}
    return {name: WorkingCalendar(spec, name) for name, spec in specs.items()}


@lru_cache(maxsize=4_096)
def _moment(day: date, minutes: int, zone: ZoneInfo) -> int:
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    # wall time: 09:00 is 09:00 also on the day on which the clock was changed at night
    return to_us((midnight + timedelta(minutes=minutes)).astimezone(UTC))


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _date(text: str, name: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _bad(f"calendar {name}: {text!r} is no date", "as 2026-12-24") from None


def _zone(name: str, calendar: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _bad(
            f"calendar {calendar}: there is no time zone {name!r}", "such as Europe/Berlin"
        ) from None


@lru_cache(maxsize=256)
def _holidays(country: str, subdivision: str, year: int, calendar: str) -> frozenset[date]:
    """The public holidays of a year, by the library of that name."""
    import holidays

    try:
        dates = holidays.country_holidays(country, subdiv=subdivision or None, years=[year])
    except NotImplementedError:
        raise _bad(
            f"calendar {calendar}: no holidays are known of {country!r} {subdivision!r}",
            "such as country: DE and subdivision: BY",
        ) from None
    return frozenset(dates)


def _bad(what: str, example: str) -> BadConfiguration:
    return BadConfiguration(what, rule="calendar-known", todo=f"Write it {example}.")
