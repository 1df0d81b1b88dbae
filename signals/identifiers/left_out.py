"""What events came in without, for it could not be read: counted, never shown."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec


class LeftOut(NamedTuple):
    """One kind of what was left out: where it stands (a column, a kind of identifier), the rule."""

    where: str
    rule: str


class LeftOutCells(msgspec.Struct, frozen=True):
    """How many cells, or identifiers, of one kind were left out."""

    where: str
    rule: str
    count: int


def listed(counts: Mapping[LeftOut, int]) -> tuple[LeftOutCells, ...]:
    """Counts of what was left out, most first, for a report."""
    pairs = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(LeftOutCells(what.where, what.rule, count) for what, count in pairs)
