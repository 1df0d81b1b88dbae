"""How working hours and durations are written."""

from typing import Annotated, Literal

import msgspec

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TimeOfDay = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
LONGEST_HOURS = 24 * 366 * 5
LONGEST_WORKING_HOURS = 5_000
_Length = Annotated[float, msgspec.Meta(gt=0, le=LONGEST_HOURS)]


class Duration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A length of time in one unit; `working_hours` pass only while somebody works."""

    minutes: _Length | None = None
    hours: _Length | None = None
    days: Annotated[float, msgspec.Meta(gt=0, le=366 * 5)] | None = None
    working_hours: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_WORKING_HOURS)] | None = None

    def __post_init__(self) -> None:
        """Refuse none and several units."""
        if sum(length is not None for length in msgspec.structs.astuple(self)) != 1:
            raise ValueError("a duration is one of minutes, hours, days and working_hours")

    def __str__(self) -> str:
        """As people say it: `4 working hours`."""
        for name, length in msgspec.structs.asdict(self).items():
            if length is not None:
                return f"{length:g} {name.replace('_', ' ')}"
        raise AssertionError  # pragma: no cover


class CalendarSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When somebody works: from `begin` to `end` on `days`, by the clocks of `zone`.

    `country` (ISO 3166-1, such as `DE`) and `subdivision` (such as `BY`) name the public holidays
    that are kept, "" none. `closed` are further dates on which nobody works.
    """

    zone: Annotated[str, msgspec.Meta(max_length=64)] = "UTC"
    days: tuple[Weekday, ...] = WEEKDAYS[:5]
    begin: TimeOfDay = "09:00"
    end: TimeOfDay = "17:00"
    country: Annotated[str, msgspec.Meta(max_length=3)] = ""
    subdivision: Annotated[str, msgspec.Meta(max_length=16)] = ""
    closed: tuple[Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a calendar in which nobody ever works."""
        if not self.days:
            raise ValueError("a calendar needs a day on which somebody works")
        if self.begin >= self.end:
            raise ValueError(f"work ends at {self.end}, must be after it begins, at {self.begin}")
