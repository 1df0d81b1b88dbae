"""Where values come from: columns of a batch, converted; each conversion made once and shared."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from signals import cells
from signals.cells import Bad, Memo
from signals.mapping_format import Condition, FieldSpec, MappingFile, TableSpec, TimeSpec, TypeSpec
from signals.row_batches import Batch
from signals.slug import slug_pattern
from signals.timeformats import moments, time_zone


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Values, one a row: converted from one column's text, from several's, or all the same."""

    columns: tuple[str, ...]
    memo: Memo[Any, Any]

    @property
    def bad(self) -> bool:
        """Whether some value was ever a `Bad`."""
        return self.memo.bad


class View:
    """A batch by column; what was asked for once is kept."""

    def __init__(self, batch: Batch) -> None:
        self.size = len(batch.rows)
        self.rows = batch.rows
        self._at = {name: k for k, name in enumerate(batch.names)}
        self._raw: dict[str, list[str]] = {}
        self._values: dict[Source, list[Any]] = {}

    def raw(self, column: str) -> list[str]:
        """A column's text as it stands."""
        if column not in self._raw:
            k = self._at[column]
            self._raw[column] = [row[k] for row in self.rows]
        return self._raw[column]

    def of(self, source: Source) -> list[Any]:
        """A source's values, one a row."""
        if source not in self._values:
            self._values[source] = self._compute(source)
        return self._values[source]

    def _compute(self, source: Source) -> list[Any]:
        match source.columns:
            case ():
                return source.memo.of([()]) * self.size
            case (column,):
                return source.memo.of(self.raw(column))
            case columns:
                return source.memo.of(zip(*map(self.raw, columns), strict=True))


class Sources:
    """Makes the sources that a table's parts ask for; equal ones are made once."""

    def __init__(self, file: MappingFile, table: TableSpec) -> None:
        self.file = file
        self.table = table
        self.columns: dict[str, None] = {}
        self._made: dict[Hashable, Source] = {}
        name = table.time_zone or file.time_zone
        self._zone = time_zone(name) if name else None

    def identifier(self, column: str, *, whole: bool) -> Source:
        """An identifier's value, or None."""
        convert = cells.identifier(column, self._missing(column), whole=whole)
        return self._make(("identifier", column, whole), (column,), convert)

    def moment(self, spec: TimeSpec) -> Source:
        """An event's time."""
        if spec.column is None:
            at = spec.at.astimezone(UTC) if spec.at else None
            return self._make(spec, (), lambda _: at)
        convert = moments(spec, self._zone, self._missing(spec.column))
        return self._make(spec, (spec.column,), convert)

    def type(self, spec: str | TypeSpec) -> Source:
        """An event's type; None for a row that is left to other events."""
        if isinstance(spec, str):
            return self._make(("type", spec), (), lambda _: spec)
        unknown = Bad("unknown-type", "the row's event type is not declared in the mapping")
        bad = unknown if spec.others == "reject" else None
        if spec.column is not None:
            table = spec.types if isinstance(spec.types, dict) else {t: t for t in spec.types}
            return self._make(None, (spec.column,), lambda raw: table.get(raw.strip(), bad))
        columns, fill = slug_pattern(spec.pattern or "")
        known = frozenset(spec.names)

        def convert(raw: Any) -> object:
            name = fill((raw,) if len(columns) == 1 else raw)
            return name if name in known else bad

        return self._make(None, columns, convert)

    def field(self, name: str, spec: FieldSpec) -> Source:
        """A data field's value, or None."""
        key = ("field", name if spec.required else "", spec)
        columns: tuple[str, ...] = spec.product or ((spec.column,) if spec.column else ())
        convert: Callable[[Any], object] = lambda _: spec.constant  # noqa: E731
        if spec.product is not None:
            first, second = (self._number(c, spec.of_kind) for c in spec.product)
            convert = _product(first, second, spec)
        elif spec.column is not None:
            convert = self._cell(spec.column, spec)
        return self._make(key, columns, _required(name, convert) if spec.required else convert)

    def test(self, condition: Condition) -> Source:
        """Whether a condition holds."""
        column = condition.column
        return self._make(condition, (column,), self._holds(condition))

    def need(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Note that these columns are used."""
        self.columns.update(dict.fromkeys(columns))
        return tuple(columns)

    def _make(
        self, key: Hashable, columns: tuple[str, ...], convert: Callable[[Any], object]
    ) -> Source:
        source = self._made.get(key) if key is not None else None
        if source is None:
            source = Source(self.need(columns), Memo(convert))
            self._made[key] = source
        return source

    def _missing(self, column: str) -> frozenset[str]:
        return self.file.missing_in(self.table, column)

    def _cell(self, column: str, spec: FieldSpec) -> cells.Convert:
        match spec.of_kind:
            case "text":
                return cells.text(self._missing(column))
            case "boolean":
                return cells.boolean(column, self._missing(column))
            case kind:
                return self._number(column, kind)

    def _number(self, column: str, kind: str) -> cells.Convert:
        read = cells.integer if kind == "integer" else cells.number
        return read(column, self._missing(column), self.table.decimal)

    def _holds(self, test: Condition) -> Callable[[str], bool]:
        clean = cells.text(self._missing(test.column))
        among = frozenset(str(w) for w in test.among or ())
        number = self._number(test.column, "number")
        start = test.starts_with

        def holds(raw: str) -> bool:
            value = clean(raw)
            if test.absent or value is None:
                return bool(test.absent) and value is None
            if test.sign is not None:
                found = number(value)
                return isinstance(found, float) and (found < 0 if negative else found > 0)
            if start is not None:
                return value.startswith(start)
            return bool(test.present) or value in among or value == equals

        equals = None if test.equals is None else str(test.equals)
        negative = test.sign == "negative"
        return (lambda raw: not holds(raw)) if test.negate else holds


def _required(name: str, convert: Callable[[Any], object]) -> Callable[[Any], object]:
    bad = Bad("field-missing", f"the required field {name} is missing")

    def required(raw: Any) -> object:
        value = convert(raw)
        return bad if value is None else value

    return required


def _product(
    first: cells.Convert, second: cells.Convert, spec: FieldSpec
) -> Callable[[tuple[str, str]], object]:
    bad = Bad("number", f"the product of {' and '.join(spec.product or ())} is out of range")
    limit = 1 << 63 if spec.of_kind == "integer" else float("inf")

    def product(raw: tuple[str, str]) -> object:
        a, b = first(raw[0]), second(raw[1])
        for value in (a, b):
            if value is None or isinstance(value, Bad):
                return value
        found = a * b  # type: ignore[operator]
        return found if abs(found) < limit else bad

    return product
