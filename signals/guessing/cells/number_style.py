"""Which decimal sign a file's numbers have, and which of its columns are numbers."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from signals.mapping.numerals import Numeral, Unread, numeral, whole_text

MOST_LOOKED_AT = 2_000
"""Distinct cells of a column that are looked at."""

READABLE = 0.98
"""Of a column's distinct cells, the share that are numbers where it is one of numbers: what is
below is text that may be a number by chance, such as a product's name."""

NumberKind = Literal["number", "integer", "percent"]


class DecimalEvidence(NamedTuple):
    """Columns of numbers that only one sign can read, by sign, and those that both read, unlike."""

    point: int
    comma: int
    either: int


def decimal_evidence(columns: Iterable[Sequence[str]]) -> DecimalEvidence:
    """What columns of distinct cells, none of them missing, tell of the decimal sign."""
    point = comma = either = 0
    for cells in columns:
        some = cells[:MOST_LOOKED_AT]
        by_point, by_comma = _readings(some, "."), _readings(some, ",")
        shares = [_share(by_point), _share(by_comma)]
        if max(shares) < READABLE or by_point == by_comma:
            continue
        if shares[0] == shares[1]:
            either += 1
        elif shares[0] > shares[1]:
            point += 1
        else:
            comma += 1
    return DecimalEvidence(point, comma, either)


def number_kind(cells: Sequence[str], point: str) -> NumberKind | None:
    """What kind of numbers distinct cells are, none of them missing; None where they are text.

    `point` is the decimal sign, as the mapping has it: "" where it is not set.
    """
    some = cells[:MOST_LOOKED_AT]
    if not some:
        return None
    parsed = [one for one in (_numeral(cell, point) for cell in some) if one is not None]
    if len(parsed) < READABLE * len(some):
        return None
    percents = sum(one.percent for one in parsed)
    if percents:
        return "percent" if percents >= READABLE * len(parsed) else None
    if any(cell[:1] == "0" and cell[1:2].isdigit() for cell in some):
        return None  # digits with zeros before them are a code, such as a postal one
    return "integer" if all(_is_whole(one.plain) for one in parsed) else "number"


def _readings(cells: Sequence[str], point: str) -> list[str | None]:
    readings = (_numeral(cell, point) for cell in cells)
    return [None if one is None else one.plain for one in readings]


def _share(readings: Sequence[str | None]) -> float:
    return sum(one is not None for one in readings) / len(readings) if readings else 0.0


def _numeral(cell: str, point: str) -> Numeral | None:
    try:
        return numeral(cell, point)
    except Unread:
        return None


def _is_whole(plain: str) -> bool:
    try:
        whole_text(plain)
    except Unread:
        return False
    return True
