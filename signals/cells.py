"""From the text of a cell to a value: text, number, whole number, truth value, identifier."""

import math
import re
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

REMEMBERED = 20_000
"""Distinct values that a converter remembers before it forgets them all: bounds its memory."""

LONGEST_IDENTIFIER = 512
_WHOLE = re.compile(r"([+-]?\d+)(?:\.0*)?", re.ASCII)
_TRUTH = {
    **dict.fromkeys(("true", "yes", "y", "t", "1"), True),
    **dict.fromkeys(("false", "no", "n", "f", "0"), False),
}


class Bad(NamedTuple):
    """Why a cell cannot be read: the rule that it breaks, and a detail without its content."""

    rule: str
    detail: str


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


def text(missing: frozenset[str]) -> Callable[[str], str | None]:
    """Text without blanks around it; None where it is missing."""

    def convert(raw: str) -> str | None:
        value = raw.strip()
        return value if value and value not in missing else None

    return convert


def _read(
    column: str, missing: frozenset[str], parse: Callable[[str], object], bad: Bad
) -> Convert:
    clean = text(missing)

    def convert(raw: str) -> object:
        value = clean(raw)
        if value is None:
            return None
        try:
            return parse(value)
        except (ValueError, KeyError):
            return Bad(bad.rule, f"column {column}: {bad.detail}")

    return convert


def number(column: str, missing: frozenset[str], decimal: str) -> Convert:
    """A finite number; with a decimal comma, points group its thousands."""

    def parse(value: str) -> float:
        return _finite(_pointed(value, decimal))

    return _read(column, missing, parse, Bad("number", "not a finite number"))


def integer(column: str, missing: frozenset[str], decimal: str) -> Convert:
    """A whole number, perhaps written as 12.0."""

    def parse(value: str) -> int:
        found = _WHOLE.fullmatch(_pointed(value, decimal))
        if found is None or abs(whole := int(found[1])) >= 1 << 63:
            raise ValueError
        return whole if found[1][0] != "-" else -whole

    return _read(column, missing, parse, Bad("number", "not a whole number of 64 bits"))


def boolean(column: str, missing: frozenset[str]) -> Convert:
    """True of true, yes, y, t, 1; False of false, no, n, f, 0; in any case."""
    bad = Bad("boolean", "neither yes nor no")
    return _read(column, missing, lambda value: _TRUTH[value.lower()], bad)


def identifier(column: str, missing: frozenset[str], *, whole: bool) -> Convert:
    """An identifier as it stands; `whole`: digits, from which a trailing .0 is taken."""
    what = "not a whole number" if whole else "too long"

    def parse(value: str) -> str:
        found = _WHOLE.fullmatch(value) if whole else None
        if len(value) > LONGEST_IDENTIFIER or (whole and found is None):
            raise ValueError
        return found[1] if found else value

    return _read(column, missing, parse, Bad("identifier", f"an identifier that is {what}"))


def _pointed(value: str, decimal: str) -> str:
    return value if decimal == "." else value.replace(".", "").replace(",", ".")


def _finite(value: str) -> float:
    found = float(value)
    if "_" in value or not math.isfinite(found):
        raise ValueError
    return found
