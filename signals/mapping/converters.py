"""From the text of a cell to a value: text, number, whole number, truth value, identifier."""

import re
from collections.abc import Callable, Container, Hashable, Iterable
from math import isfinite
from typing import Generic, NamedTuple, TypeVar

from domain.signals import ACTION_ID, LONGEST_ACTION_ID
from signals.mapping.numerals import LONGEST, Unread, exact, is_plain, numeral, real, whole_text
from signals.mapping.words import truth

REMEMBERED = 20_000
"""Distinct values that a converter remembers before it forgets them all: bounds its memory."""

LONGEST_IDENTIFIER = 512
_SHORT = re.compile(r"-?[0-9]{1,18}")
_POINT_ZERO = re.compile(r"[+-]?[0-9]+\.0{1,2}")


class Bad(NamedTuple):
    """Why a cell cannot be read: the rule, a detail without the cell's content, the column."""

    rule: str
    detail: str
    where: str = ""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(dict[K, V], Generic[K, V]):
    """A conversion that remembers its results; `bad` is set once one of them was a `Bad`."""

    def __init__(self, convert: Callable[[K], V]) -> None:
        super().__init__()
        self.convert = convert
        self.bad = False

    def __missing__(self, key: K) -> V:
        value = self.convert(key)
        if type(value) is Bad:
            self.bad = True
        self[key] = value
        return value

    def of(self, keys: Iterable[K]) -> list[V]:
        """The values of keys, in their order."""
        if len(self) > REMEMBERED:
            self.clear()
        return list(map(self.__getitem__, keys))


Convert = Callable[[str], object]


_ACTION = re.compile(ACTION_ID)


def action_id(column: str, missing: Container[str]) -> Callable[[str], str | Bad | None]:
    """The id of an action of ours; None where it is missing."""
    bad = Bad("action-id", "no id of 1 to 128 letters, digits and . _ : -", column)
    clean = text(missing)

    def convert(raw: str) -> str | Bad | None:
        value = clean(raw)
        if value is None:
            return None
        return value if is_action_id(value) else bad

    return convert


def is_action_id(value: str) -> bool:
    """Whether a text could be the id of an action of ours."""
    return len(value) <= LONGEST_ACTION_ID and _ACTION.fullmatch(value) is not None


def text(missing: Container[str]) -> Callable[[str], str | None]:
    """Text without blanks around it; None where it is missing."""

    def convert(raw: str) -> str | None:
        value = raw.strip()
        return value if value and value not in missing else None

    return convert


def reading(column: str, missing: Container[str], parse: Callable[[str], object]) -> Convert:
    """What a parser makes of a column's texts: None where one is missing, `Bad` where it raises."""
    clean = text(missing)

    def convert(raw: str) -> object:
        value = clean(raw)
        if value is None:
            return None
        try:
            return parse(value)
        except Unread as bad:
            return Bad(bad.rule, f"column {column}: {bad.detail}", column)

    return convert


class Numbers:
    """Reads the numbers of one column; an amount in a second currency is refused.

    `point` is the decimal sign, "" where nobody said it.
    """

    def __init__(self, point: str) -> None:
        self._point = point
        self._currency = ""

    def number(self, value: str) -> float:
        """A finite number. Raises Unread."""
        if self._point != "," and value.isascii() and "_" not in value:
            try:  # most are plain, and this is several times as fast
                parsed = float(value)
            except ValueError:
                return real(self._plain(value))
            if isfinite(parsed):
                return parsed
        return real(self._plain(value))

    def whole(self, value: str) -> int:
        """A whole number of 64 bits, perhaps written as 12.0. Raises Unread."""
        if _SHORT.fullmatch(value):
            return int(value)
        parsed = int(digits) if len(digits := whole_text(self._plain(value))) < LONGEST else 1 << 63
        if abs(parsed) >= 1 << 63:
            raise Unread("number", "not a whole number of 64 bits")
        return parsed

    def percent(self, value: str) -> float:
        """The share that a percentage is: 45 % is 0.45. Raises Unread."""
        parsed = numeral(value, self._point)
        if not parsed.percent:
            raise Unread("number-percent", "no per cent sign; set kind: number")
        return float(exact(parsed.plain) / 100)

    def _plain(self, value: str) -> str:
        plain, currency, percent = numeral(value, self._point)
        if percent:
            raise Unread("number-percent", "a percentage; set kind: percent")
        if currency and currency != self._currency:
            if self._currency:
                todo = "the column holds several currencies; map each by an event with when"
                raise Unread("number-currency", todo)
            self._currency = currency
        return plain


def boolean(point: str) -> Callable[[str], bool]:
    """True of true, yes, y, t, 1; False of false, no, n, f, 0; in any case. Raises Unread."""

    def parse(value: str) -> bool:
        parsed = truth(value, point)
        if parsed is None:
            raise Unread("boolean", "neither yes nor no")
        return parsed

    return parse


def identifier(column: str, missing: Container[str], *, whole: bool, point: str = ".") -> Convert:
    """An identifier as it stands; `whole`: digits, from which .0 is taken."""

    def parse(value: str) -> str:
        if len(value) > LONGEST_IDENTIFIER:
            raise Unread("identifier", "an identifier that is too long")
        return _digits(value, point) if whole else value

    return reading(column, missing, parse)


def _digits(value: str, point: str) -> str:
    if is_plain(value, point):
        value = value.replace(",", ".")
    elif not _POINT_ZERO.fullmatch(value):
        raise Unread("identifier", "an identifier that is not a whole number")
    try:
        return whole_text(value)
    except Unread as bad:
        if bad.rule == "number":
            raise Unread("identifier", "an identifier that is not a whole number") from bad
        raise Unread("identifier-inexact", f"an identifier {bad.detail}") from bad
