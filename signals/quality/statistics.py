"""What a batch looks like, per source and type: rows, refused, nulls, values of categories."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from domain.findings import label
from domain.signals import Signal
from signals.contracts.contract import Contract, Field

Fields = Mapping[str, Sequence[tuple[str, bool]]]
"""By event type: the data fields that are looked at, and whether each may be a category."""


@dataclass(slots=True)
class FieldStatistics:
    """One field: how many rows had no value; values by digest where it may be a category."""

    nulls: int = 0
    values: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class BatchStatistics:
    """One source and type: rows that were accepted, how many were refused beside them."""

    rows: int = 0
    refused: int = 0
    fields: dict[str, FieldStatistics] = field(default_factory=dict)

    @property
    def received(self) -> int:
        """Rows in all."""
        return self.rows + self.refused

    def add(self, other: "BatchStatistics") -> None:
        """Take the rows of another in."""
        self.rows += other.rows
        self.refused += other.refused
        for name, theirs in other.fields.items():
            mine = self.fields.setdefault(name, FieldStatistics())
            mine.nulls += theirs.nulls
            mine.values.update(theirs.values)


Stats = dict[str, BatchStatistics]
"""By `source/type`, a label."""


def fields_of(contracts: Iterable[Contract]) -> Fields:
    """The fields that contracts name. Personal ones are looked at for nulls alone."""
    return {c.name: [(f.name, _category(f)) for f in c.fields] for c in contracts}


def _category(field: Field) -> bool:
    return field.kind == "string" and field.classification not in ("personal", "sensitive")


def about(source: str, type_name: str) -> str:
    """The label of a source and type."""
    return label(f"{source}/{type_name}")


def observe(
    accepted: Iterable[Signal], refused: Iterable[tuple[str, str]], fields: Fields
) -> Stats:
    """The statistics of a batch.

    `refused` are (source, type) of what was refused, ("", "") where it could not be read.
    """
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for signal in accepted:
        grouped.setdefault((signal.source, signal.type), []).append(signal.data)
    stats: Stats = {}
    for (source, type_name), rows in grouped.items():
        batch = stats.setdefault(about(source, type_name), BatchStatistics())
        batch.add(_statistics_of(rows, fields.get(type_name, ())))
    for source, type_name in refused:
        stats.setdefault(about(source, type_name), BatchStatistics()).refused += 1
    return stats


def _statistics_of(
    rows: Sequence[Mapping[str, Any]], fields: Iterable[tuple[str, bool]]
) -> BatchStatistics:
    return BatchStatistics(
        len(rows), 0, {name: field_seen(_column(rows, name), category=c) for name, c in fields}
    )


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    return [row.get(name) for row in rows]


def field_seen(column: Sequence[Any], *, category: bool) -> FieldStatistics:
    """What is seen of one column; None and "" are null."""
    if not category:
        return FieldStatistics(column.count(None) + column.count(""))
    counted = Counter(value for value in column if value.__class__ is str and value)
    values = {digest(value): count for value, count in counted.items()}
    return FieldStatistics(column.count(None) + column.count(""), Counter(values))


LONGEST_REMEMBERED = 256
"""Characters of a value whose digest is remembered: whoever sends longer ones fills no memory."""


def digest(value: str) -> str:
    """What stands for a value in a profile: whether two are the same, and nothing else."""
    return _remembered(value) if len(value) <= LONGEST_REMEMBERED else _digest(value)


def _digest(value: str) -> str:
    return blake2b(value.encode(), digest_size=6).hexdigest()


_remembered = lru_cache(maxsize=65_536)(_digest)
