"""In which format a column's times stand, whether they have a zone, whether the day is certain."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

from signals.mapping.spec import TimeSpec
from signals.mapping.strptime import has_offset
from signals.mapping.timestamps import ABSOLUTE, moments

MOST_LOOKED_AT = 5_000
"""Distinct cells of a column that are looked at."""

READABLE = 0.95
"""Of a column's distinct cells, the share that are times where it is one of times."""

FIRST_YEAR, LAST_YEAR = 1980, 2045
"""Times outside are no times of a lead: numbers that look like some, dates of birth."""

_DATES = {
    "dmy": ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y"),
    "mdy": ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m-%d-%y"),
    "": (
        "%Y/%m/%d",
        "%Y.%m.%d",
        "%Y-%m-%d",
        "%d %b %Y",
        "%d-%b-%Y",
        "%d-%b-%y",
        "%d %B %Y",
        "%b %d, %Y",
        "%B %d, %Y",
        "%b %d %Y",
    ),
}
_CLOCK = re.compile(
    r"(?P<gap> at |, | |T)"
    r"(?P<hour>\d{1,2}):\d{2}(?P<s>:\d{2})?(?P<f>\.\d{1,6})?(?P<space> )?(?P<half>[AaPp][Mm])?"
    r"(?: (?P<blank>(?=\S)))?(?P<zone>[+-]\d{2}:?\d{2}|[A-Z]{1,5})?"
)
_PARTS = {
    "%d": r"\d{1,2}", "%m": r"\d{1,2}", "%Y": r"\d{4}", "%y": r"\d{2}",
    "%b": "[A-Za-z]{3}", "%B": "[A-Za-z]{3,9}",
}  # fmt: skip
_TIME_NAMES = re.compile(
    r"(^|_)(date|time|timestamp|tstamp|ts|at|on|when|created|updated|modified|datum|zeit|fecha|data)"
    r"(_|$)"
)
_COUNT = re.compile(r"\d+(\.\d+)?")


class TimeStyle(NamedTuple):
    """A format as a mapping names it. `other` is the format with day and month exchanged.

    Where `other` is set, both read every cell, and differently. `local`: some cells have no zone.
    """

    format: str
    local: bool
    share: float
    other: str = ""
    order: str = ""


def time_style(cells: Sequence[str], name: str, point: str = ".") -> TimeStyle | None:
    """The style of distinct cells, none of them missing; None where they are no times.

    `name` is the column's, as a slug: numbers are times only where it says so.
    """
    some = list(cells[:MOST_LOOKED_AT])
    if not some:
        return None
    numeric = all(map(_COUNT.fullmatch, some))
    if numeric and not _TIME_NAMES.search(name):
        return None
    styles = [s for s in _styles(some, numeric=numeric, point=point) if s.share >= READABLE]
    if not styles:
        return None
    best = max(styles, key=lambda style: style.share)  # the first of equals
    return best._replace(other=_exchanged(best, styles, some))


def _exchanged(best: TimeStyle, styles: Sequence[TimeStyle], cells: Sequence[str]) -> str:
    """The format of the other order, where it reads as many cells and reads one otherwise."""
    for style in styles:
        same_share = style.share == best.share and style.order and style.order != best.order
        if same_share and _read(cells, style.format) != _read(cells, best.format):
            return style.format
    return ""


def _styles(cells: Sequence[str], *, numeric: bool, point: str) -> Iterator[TimeStyle]:
    formats = ("date", *ABSOLUTE, "excel") if numeric else ("date", "iso")
    for name in formats:
        times = _read(cells, name, point)
        if all(len(cell) == 8 for cell in cells) or name != "date" or not numeric:
            local = name not in ABSOLUTE and (name != "iso" or _some_local(cells))
            yield TimeStyle(name, local, _share(times))
    if not numeric:
        yield from _patterned(cells)


def _patterned(cells: Sequence[str]) -> Iterator[TimeStyle]:
    patterns = {pattern: order for cell in cells[:5] for order, pattern in _fitting(cell)}
    for pattern, order in patterns.items():
        share = _share(_read(cells, pattern))
        yield TimeStyle(pattern, not has_offset(pattern), share, order=order)


def _fitting(cell: str) -> Iterator[tuple[str, str]]:
    """Patterns, with the order of day and month, of which a cell has the shape."""
    for order, dates in _DATES.items():
        for date in dates:
            begin = _shape(date).match(cell)
            if begin is None:
                continue
            rest = cell[begin.end() :]
            clock = _CLOCK.fullmatch(rest)
            if not rest:
                yield order, date
            elif clock is not None:
                yield order, date + _clock_pattern(clock)


@cache
def _shape(date: str) -> re.Pattern[str]:
    parts = re.split("(%[a-zA-Z])", date)
    return re.compile("".join(_PARTS.get(part, re.escape(part)) for part in parts) + r"(?!\d)")


def _clock_pattern(clock: re.Match[str]) -> str:
    """The pattern of a time of day as it is written."""
    hour = "%I:%M" if clock["half"] else "%H:%M"
    seconds = (":%S" if clock["s"] else "") + (".%f" if clock["f"] else "")
    space = clock["space"] or ""
    half = f"{space}%p" if clock["half"] else ""
    if clock["zone"] is None:
        return f"{clock['gap']}{hour}{seconds}{half}"
    blank = space if not clock["half"] else (" " if clock["blank"] is not None else "")
    zone = "%z" if clock["zone"][0] in "+-" else "%Z"
    return f"{clock['gap']}{hour}{seconds}{half}{blank}{zone}"


def _read(cells: Sequence[str], name: str, point: str = ".") -> list[datetime | None]:
    """The times of cells by a format; None for what is none, or is too far away."""
    read = moments(TimeSpec(column="", format=name), UTC, (), point)
    times = (read(cell) for cell in cells)
    return [
        t if isinstance(t, datetime) and FIRST_YEAR <= t.year <= LAST_YEAR else None for t in times
    ]


def read_times(cells: Sequence[str], style_format: str) -> list[datetime | None]:
    """A column's times by its format; None for an empty cell, and for what is no time."""
    distinct = [cell for cell in dict.fromkeys(cells) if cell]
    times = dict(zip(distinct, _read(distinct, style_format), strict=True))
    return [times.get(cell) for cell in cells]


def _share(times: Sequence[datetime | None]) -> float:
    return sum(t is not None for t in times) / len(times)


def _some_local(cells: Sequence[str]) -> bool:
    """Whether some ISO cells have no offset: those are read otherwise in another zone."""
    for cell in cells:
        try:
            if datetime.fromisoformat(cell).tzinfo is None:
                return True
        except ValueError:
            continue
    return False
