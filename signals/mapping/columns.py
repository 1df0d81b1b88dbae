"""Where values come from: columns of a batch, converted; each conversion made once and shared."""

import re
from bisect import bisect_left
from collections.abc import Callable, Container, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import repeat
from typing import Any

from signals.files.row_batches import RowBatch
from signals.mapping import converters
from signals.mapping.converters import Bad, Memo
from signals.mapping.phone_converters import phone_in, phone_of
from signals.mapping.slug import slug_pattern
from signals.mapping.spec import (
    Condition,
    FieldSpec,
    IdentifierSpec,
    MappingFile,
    TableSpec,
    TimeSpec,
    TypeSpec,
)
from signals.mapping.timestamps import duration, moments, time_zone
from signals.mapping.words import words

ROW = "\0row"
"""Stands for the number of a row in its file, from 1: a column that no file has."""


_ENDINGS = re.compile(r"(\.(csv|tsv|txt|json|jsonl|parquet|xlsx))?(\.gz)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSource:
    """Values, one a row: converted from one column's text, from several's, or all the same."""

    columns: tuple[str, ...]
    memo: Memo[Any, Any]

    @property
    def bad(self) -> bool:
        """Whether some value was ever a `Bad`."""
        return self.memo.bad


class View:
    """A batch by column; what was asked for once is kept. `before`: rows that came before it."""

    def __init__(self, batch: RowBatch, before: int = 0) -> None:
        self.size = len(batch.rows)
        self.rows = batch.rows
        self._batch = batch
        self._before = before
        self._at = {name: k for k, name in enumerate(batch.names)}
        self._raw: dict[str, list[str]] = {}
        self._values: dict[ColumnSource, list[Any]] = {}

    def raw(self, column: str) -> list[str]:
        """A column's text as it stands."""
        if column not in self._raw:
            self._raw[column] = self._numbers() if column == ROW else self._cells(column)
        return self._raw[column]

    def _cells(self, column: str) -> list[str]:
        k = self._at[column]
        return [row[k] for row in self.rows]

    def _numbers(self) -> list[str]:
        """The rows' numbers; what is no row has one too, lest the others' change once it is."""
        broken = [b.line for b in self._batch.broken]
        lines = self._batch.lines
        skipped = (bisect_left(broken, line) for line in lines) if broken else repeat(0)
        first = self._before + 1
        return [str(first + i + k) for i, k in zip(range(self.size), skipped, strict=False)]

    def of(self, source: ColumnSource) -> list[Any]:
        """A source's values, one a row."""
        if source not in self._values:
            self._values[source] = self._compute(source)
        return self._values[source]

    def _compute(self, source: ColumnSource) -> list[Any]:
        match source.columns:
            case ():
                return source.memo.of([()]) * self.size
            case (column,):
                return source.memo.of(self.raw(column))
            case columns:
                return source.memo.of(zip(*map(self.raw, columns), strict=True))


class ColumnSources:
    """Makes the sources that a table's parts ask for; equal ones are made once."""

    def __init__(self, file: MappingFile, table: TableSpec) -> None:
        self.file = file
        self.table = table
        self.columns: dict[str, None] = {}
        self._sources: dict[Hashable, ColumnSource] = {}
        name = table.time_zone or file.time_zone
        self._zone = time_zone(name) if name else None

    def identifier(self, column: str, spec: IdentifierSpec) -> ColumnSource:
        """An identifier's value, or None; a telephone with a region as an international number."""
        key = ("identifier", column, spec.kind, spec.region)
        whole = spec.kind == "integer"
        convert = converters.identifier(
            column, self._missing(column), whole=whole, point=self.table.point
        )
        if spec.region is None:
            return self._make(key, (column,), convert)
        if isinstance(spec.region, str):
            return self._make(key, (column,), phone_in(column, convert, spec.region))
        country = spec.region.column
        placed = phone_of(column, convert, converters.text(self._missing(country)))
        return self._make(key, (column, country), placed)

    def action(self, column: str) -> ColumnSource:
        """The id of an action of ours, or None."""
        convert = converters.action_id(column, self._missing(column))
        return self._make(("action", column), (column,), convert)

    def row(self, file: str) -> ColumnSource:
        """The row's own identifier: the file's name without its endings, and the row's number."""
        name = _ENDINGS.sub("", file)
        return self._make(("row", name), (ROW,), lambda number: f"{name}:{number}")

    def moment(self, spec: TimeSpec) -> ColumnSource:
        """An event's time."""
        if spec.at is not None:
            at = spec.at.astimezone(UTC) + duration(spec.plus)
            return self._make(spec, (), lambda _: at)
        column = spec.column or ROW
        convert = moments(spec, self._zone, self._missing(column), self.table.point)
        return self._make(spec, (column,), convert)

    def type(self, spec: str | TypeSpec) -> ColumnSource:
        """An event's type; None for a row that is left to other events."""
        if isinstance(spec, str):
            return self._make(("type", spec), (), lambda _: spec)
        unknown = Bad("unknown-type", "the row's event type is not declared in the mapping")
        bad = unknown if spec.others == "reject" else None
        if spec.column is not None:
            return self._make(None, (spec.column,), self._chosen(spec, bad))
        columns, fill = slug_pattern(spec.pattern or "")
        known = frozenset(spec.names)

        def convert(raw: Any) -> object:
            name = fill((raw,) if len(columns) == 1 else raw)
            return name if name in known else bad

        return self._make(None, columns, convert)

    def field(self, name: str, spec: FieldSpec) -> ColumnSource:
        """A data field's value, or None."""
        # by its text, for 1, 1.0 and true are equal to Python, and are not one constant
        key = ("field", name if spec.required else "", repr(spec))
        columns: tuple[str, ...] = spec.product or ((spec.column,) if spec.column else ())
        convert: Callable[[Any], object] = lambda _: spec.constant  # noqa: E731
        if spec.product is not None:
            first, second = (self._number(c, spec.of_kind) for c in spec.product)
            convert = _product(first, second, spec)
        elif spec.column is not None:
            convert = self._cell(spec.column, spec)
        return self._make(key, columns, _required(name, convert) if spec.required else convert)

    def test(self, condition: Condition) -> ColumnSource:
        """Whether a condition holds."""
        column = condition.column
        return self._make(("test", repr(condition)), (column,), self._holds(condition))

    def need(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Note that these columns are used."""
        self.columns.update(dict.fromkeys(c for c in columns if c != ROW))
        return tuple(columns)

    def _make(
        self, key: Hashable, columns: tuple[str, ...], convert: Callable[[Any], object]
    ) -> ColumnSource:
        source = self._sources.get(key) if key is not None else None
        if source is None:
            source = ColumnSource(self.need(columns), Memo(convert))
            self._sources[key] = source
        return source

    def _missing(self, column: str) -> Container[str]:
        return self.file.missing_in(self.table, column)

    def _cell(self, column: str, spec: FieldSpec) -> converters.Convert:
        if spec.kind == "percent":
            parse = converters.Numbers(self.table.point).percent
            return converters.reading(column, self._missing(column), parse)
        match spec.of_kind:
            case "text":
                return converters.text(self._missing(column))
            case "boolean":
                parse_truth = converters.boolean(self.table.point)
                return converters.reading(column, self._missing(column), parse_truth)
            case kind:
                return self._number(column, kind)

    def _number(self, column: str, kind: str) -> converters.Convert:
        numbers = converters.Numbers(self.table.point)
        parse = numbers.whole if kind == "integer" else numbers.number
        return converters.reading(column, self._missing(column), parse)

    def _chosen(self, spec: TypeSpec, bad: Bad | None) -> Callable[[str], object]:
        table = spec.types if isinstance(spec.types, dict) else {t: t for t in spec.types}
        choices = [(words((word,), self.table.point), kind) for word, kind in table.items()]

        def choose(raw: str) -> object:
            value = raw.strip()
            return next((kind for texts, kind in choices if value in texts), bad)

        return choose

    def _holds(self, test: Condition) -> Callable[[str], bool]:
        clean = converters.text(self._missing(test.column))
        number = self._number(test.column, "number")
        start, negative = test.starts_with, test.sign == "negative"
        equal = () if test.equals is None else (test.equals,)
        among = words((*(test.among or ()), *equal), self.table.point)

        def holds(raw: str) -> bool:
            value = clean(raw)
            if test.absent or value is None:
                return bool(test.absent) and value is None
            if test.sign is not None:
                parsed = number(value)
                return isinstance(parsed, float) and (parsed < 0 if negative else parsed > 0)
            if start is not None:
                return value.startswith(start)
            return bool(test.present) or value in among

        return (lambda raw: not holds(raw)) if test.negate else holds


def _required(name: str, convert: Callable[[Any], object]) -> Callable[[Any], object]:
    bad = Bad("field-missing", f"the required field {name} is missing", name)

    def required(raw: Any) -> object:
        value = convert(raw)
        return bad if value is None else value

    return required


def _product(
    first: converters.Convert, second: converters.Convert, spec: FieldSpec
) -> Callable[[tuple[str, str]], object]:
    names = " and ".join(spec.product or ())
    bad = Bad("number", f"the product of {names} is out of range", names)
    limit = 1 << 63 if spec.of_kind == "integer" else float("inf")

    def product(raw: tuple[str, str]) -> object:
        a, b = first(raw[0]), second(raw[1])
        for value in (a, b):
            if value is None or isinstance(value, Bad):
                return value
        result = a * b  # type: ignore[operator]
        return result if abs(result) < limit else bad

    return product
