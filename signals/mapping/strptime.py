"""Patterns of strptime that use all that they read: checked with the mapping, then read by.

`datetime.strptime` reads parts that it then drops: %p beside %H, a week without its day, a zone's
name. Such a pattern is refused here. Names of months and days are English.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

from domain.errors import BadMapping
from signals.mapping.numerals import Unread

_KNOWN = frozenset("aAbBdHIjmMpSfyYzZGVuUWw%")
_LOCALE = frozenset("cxX")
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_LITERAL_ZONE = re.compile(r"(?<![A-Za-z])(?:Z|UTC|GMT)(?![A-Za-z])")
_ZONE = re.compile(r"(?<![A-Za-z])(?:UTC|GMT|Z)(?![A-Za-z0-9+-])", re.IGNORECASE)
_NAME = re.compile(r"(?<![A-Za-z])[A-Z]{2,5}(?![A-Za-z])")
_ONE_OF = (
    ("Y", "y"),
    ("m", "b", "B", "j"),
    ("d", "j"),
    ("H", "I"),
    ("a", "A", "w", "u"),
    ("z", "Z"),
    ("U", "W", "V"),
)
"""Of these at most one: of two, one is dropped."""

_WITH: dict[str, tuple[str, ...]] = {
    "p": ("I",),
    "I": ("p",),
    "H": ("d", "j", "a", "A", "w", "u"),
    "M": ("H", "I"),
    "S": ("M",),
    "f": ("S",),
    "d": ("m", "b", "B"),
    "m": ("Y", "y"),
    "b": ("Y", "y"),
    "B": ("Y", "y"),
    "j": ("Y", "y"),
    "U": ("a", "A", "w", "u"),
    "W": ("a", "A", "w", "u"),
    "V": ("a", "A", "w", "u"),
    "w": ("U", "W", "V"),
    "u": ("U", "W", "V"),
}
"""What a part needs beside it, one of these: alone it is dropped, or says too little."""

_WEEKS = ("U", "W", "V")
_DAYS = ("m", "b", "B", "d", "j")


def check_pattern(pattern: str) -> None:
    """Raise BadMapping where a part of what the pattern reads would be dropped or guessed."""
    directives = _DIRECTIVE.findall(pattern)
    for one in directives:
        if one in _LOCALE:
            _bad(pattern, f"%{one} depends on the machine", "Write it out, such as %d/%m/%Y.")
        if one not in _KNOWN:
            _bad(pattern, f"%{one} is not known", "See docs/mapping.md for what there is.")
        if one != "%" and directives.count(one) > 1:
            _bad(pattern, f"%{one} is there twice", "Leave one of them out.")
    if _LITERAL_ZONE.search(_DIRECTIVE.sub(" ", pattern)):
        _bad(pattern, "its zone is text that is not read", "Write %z or %Z in its place.")
    _check_parts(pattern, set(directives))


def _check_parts(pattern: str, directives: set[str]) -> None:
    for some in _ONE_OF:
        both = [f"%{one}" for one in some if one in directives]
        if len(both) > 1:
            _bad(pattern, f"{' and '.join(both)} say the same", "Leave one of them out.")
    for one, needed in _WITH.items():
        if one in directives and not directives.intersection(needed):
            todo = "It goes with " + " or ".join(f"%{other}" for other in needed) + "."
            _bad(pattern, f"%{one} is ambiguous by itself", todo)
    week = directives.intersection(_WEEKS)
    if week and directives.intersection(_DAYS):
        _bad(pattern, "it has both weeks and days", "Leave one of them out.")
    year = ("G",) if "V" in directives else ("Y", "y")
    if not directives.intersection(year) or ("G" in directives and "V" not in directives):
        _bad(pattern, "it gives no year", "Have %Y in it, or %G with %V and %u.")


def pattern_reader(pattern: str) -> Callable[[str], datetime]:
    """What reads by a checked pattern: a time with an offset where the pattern has one.

    It raises ValueError, and Unread for a zone's name that is not UTC, GMT or Z.
    """
    weekday = re.search("%[aA]", pattern) and not re.search("%[UWV]", pattern)
    if "Z" in _DIRECTIVE.findall(pattern):
        return _with_names(pattern, weekday=bool(weekday))
    return _plain(pattern, weekday=bool(weekday))


def _plain(pattern: str, *, weekday: bool) -> Callable[[str], datetime]:
    def read(value: str) -> datetime:
        moment = datetime.strptime(value, pattern)  # noqa: DTZ007
        if weekday and moment.strftime("%a").lower() not in value.lower():
            raise ValueError
        return moment

    return read


def _with_names(pattern: str, *, weekday: bool) -> Callable[[str], datetime]:
    """For %Z: UTC, GMT and Z by name, all else as an offset."""
    read = _plain(pattern.replace("%Z", "%z"), weekday=weekday)

    def named(value: str) -> datetime:
        try:
            return read(_ZONE.sub("+0000", value))
        except ValueError:
            read(_NAME.sub("+0000", value))  # raises again where the name is not all there is
        raise Unread("time-zone-name", "a zone's name that may mean several; write an offset")

    return named


def has_offset(pattern: str) -> bool:
    """Whether what the pattern reads says its own zone."""
    return bool({"z", "Z"}.intersection(_DIRECTIVE.findall(pattern)))


def _bad(pattern: str, what: str, todo: str) -> NoReturn:
    raise BadMapping(f"the time format {pattern}: {what}", rule="time-pattern", todo=todo)
