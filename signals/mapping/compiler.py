"""A table of a mapping, compiled for one file: batches of rows in, signals and rejections out.

Everything works by column: each distinct text of a column is converted once and remembered. A row
is taken whole or not at all: where one of its events cannot be made, the row is rejected.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import compress, repeat
from operator import attrgetter
from typing import Any

import msgspec

from domain.identifiers import ACCOUNT_KIND, NAME_KIND
from domain.signals import Signal, encode
from signals.files.row_batches import BrokenRow, RowBatch
from signals.identifiers.left_out import LeftOut
from signals.mapping.columns import ColumnSource, ColumnSources, View
from signals.mapping.converters import Bad
from signals.mapping.row_occurrences import Occurrences
from signals.mapping.spec import (
    Condition,
    EventSpec,
    IdentifierSpec,
    MappingFile,
    TableSpec,
    TypeSpec,
)
from signals.store.event_keys import event_key, mapped_id, row_key

_NOBODY = Bad("no-identifier", "none of the mapping's identifiers stands in the row")
_NO_EVENT = Bad("no-event", "the row fits no event of the mapping, nor its ignore conditions")
_line = attrgetter("line")


class MappedRow(msgspec.Struct, frozen=True, gc=False):
    """What a row, or one event of it, came to.

    `document` is the JSON of a signal as `domain.signals.encode` gives it, or, where `rule` is
    not empty, the rejected row as a JSON object of column and text (text that is no row stands
    under the key "text"). `line` is where the row began. `detail` holds no content of the row.
    `keys` and `row_keys` name a rejected row, see `signals.store.quarantine.Rejected`.
    """

    document: bytes
    line: int
    rule: str = ""
    detail: str = ""
    keys: tuple[str, ...] = ()
    row_keys: tuple[str, ...] = ()


class MappingCounts(msgspec.Struct):
    """Rows read and what became of them; a row that is neither ignored nor rejected is taken.

    `left_out` counts the cells that rows were taken without, for they could not be read; `made`
    the signals by type.
    """

    rows: int = 0
    ignored: int = 0
    rejected: int = 0
    signals: int = 0
    left_out: Counter[LeftOut] = msgspec.field(default_factory=Counter)
    event_counts: Counter[str] = msgspec.field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Event:
    when: tuple[ColumnSource, ...]
    name: str | None
    kind: ColumnSource
    selective: bool
    time: ColumnSource
    fields: tuple[str, ...]
    values: tuple[ColumnSource, ...]
    needed: tuple[ColumnSource, ...]
    key: tuple[str, ...]

    def rows(self, view: View) -> Sequence[int]:
        """The rows for which all conditions hold, and which have a type."""
        if not self.when and not self.selective:
            return range(view.size)
        tests = [view.of(test) for test in self.when]
        if self.selective:
            tests.append(view.of(self.kind))
        return list(compress(range(view.size), map(all, zip(*tests, strict=True))))

    def bad(self, view: View, rows: Sequence[int]) -> Iterator[tuple[int, Bad]]:
        """The rows of which the event cannot be made, and why."""
        for source in (self.kind, self.time, *self.needed):
            values = view.of(source)
            if source.bad:
                yield from ((i, values[i]) for i in rows if type(values[i]) is Bad)

    def columns(self, view: View, rows: Sequence[int]) -> list[Sequence[Any]]:
        """The values of these rows, data field by data field; None for what is left out."""
        return [
            [None if type(v) is Bad else v for v in accepted] if source.bad else accepted
            for source in self.values
            for accepted in (_take(view.of(source), rows),)
        ]

    def left_out(self, view: View, rows: Sequence[int]) -> Iterator[tuple[int, LeftOut]]:
        """What these rows are taken without, each with its row."""
        for source in self.values:
            if source.bad:
                values = view.of(source)
                cells = ((i, values[i]) for i in rows)
                yield from ((i, LeftOut(v.where, v.rule)) for i, v in cells if type(v) is Bad)


class TablePlan:
    """The compiled table. It remembers what it has seen: make a new one for each file.

    `name` is the file's; with the rows' numbers it makes their identifiers where the table asks.
    """

    def __init__(
        self, file: MappingFile, table: TableSpec, versions: dict[str, int], name: str = ""
    ) -> None:
        self._make = make = ColumnSources(file, table)
        self._source = file.source
        self._versions = versions
        self._identifiers = _identifiers(make, table, name)
        self._row = make.row(name) if table.by_row else None
        self._action = None if table.action_id is None else make.action(table.action_id)
        self._refusals = [(_tests(make, r.when), r.rule) for r in table.refuse]
        self._ignores = _tests(make, table.ignore)
        self._events = [_event(make, event) for event in table.events]
        self._occurrences = Occurrences()
        self._rows = 0
        self.tally = MappingCounts()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the file must have."""
        return tuple(self._make.columns)

    @property
    def by_whole_rows(self) -> bool:
        """Whether a row is known by all of its cells, for want of columns that name it."""
        return any(not event.key for event in self._events)

    def run(self, batch: RowBatch) -> list[MappedRow]:
        """What a batch comes to, in the order of its lines."""
        view = View(batch, self._rows)
        self._rows += view.size + len(batch.broken)
        people = self._people(view)
        chosen = [event.rows(view) for event in self._events]
        ignored = {i for test in self._ignores for i in compress(range(view.size), view.of(test))}
        bad = self._rejections(view, people, chosen, ignored)
        keys = {key: self._keys(view, key) for key in {event.key for event in self._events}}
        rejections = [_broken(b) for b in batch.broken]
        rejections += self._rejected(batch, view, bad, chosen, keys)
        self.tally.rows += view.size + len(batch.broken)
        self.tally.ignored += len(ignored)
        self.tally.rejected += len(rejections)
        skip = ignored.union(i for i, _ in bad)
        left_out: set[tuple[int, LeftOut]] = set()
        for event, rows in zip(self._events, chosen, strict=True):
            kept = [i for i in rows if i not in skip] if skip else rows
            signals = self._signals(event, kept, view, people, keys[event.key])
            rejections.extend(map(MappedRow, signals, _take(batch.lines, kept)))
            self.tally.signals += len(kept)
            self.tally.event_counts.update(_take(view.of(event.kind), kept))
            left_out.update(event.left_out(view, kept))
        self.tally.left_out.update(what for _, what in left_out)
        rejections.sort(key=_line)
        return rejections

    def _people(self, view: View) -> list[Any]:
        """Of each row its identifiers by kind, or the `Bad` that there is instead."""
        if len(self._identifiers) == 1 and len(self._identifiers[0][1]) == 1:
            kind, (source,) = self._identifiers[0]
            return [
                _NOBODY if v is None else v if type(v) is Bad else {kind: v}
                for v in view.of(source)
            ]
        kinds = [kind for kind, sources in self._identifiers for _ in sources]
        values = [view.of(source) for _, sources in self._identifiers for source in sources]
        return [_person(kinds, row) for row in zip(*values, strict=True)]

    def _rejections(
        self, view: View, people: list[Any], chosen: list[Sequence[int]], ignored: set[int]
    ) -> list[tuple[int, Bad]]:
        """The rejected rows, each with the first reason."""
        bad: dict[int, Bad] = {}
        for tests, rule in self._refusals:
            matches = map(all, zip(*map(view.of, tests), strict=True))
            for i in compress(range(view.size), matches):
                bad.setdefault(i, Bad(rule, "a refuse condition of the mapping holds"))
        for i, person in enumerate(people):
            if type(person) is Bad:
                bad.setdefault(i, person)
        for i in set(range(view.size)).difference(*chosen):
            bad.setdefault(i, _NO_EVENT)
        actions = [] if self._action is None else view.of(self._action)
        for i, action in enumerate(actions):
            if type(action) is Bad:
                bad.setdefault(i, action)
        for event, rows in zip(self._events, chosen, strict=True):
            for i, why in event.bad(view, rows):
                bad.setdefault(i, why)
        return [(i, why) for i, why in bad.items() if i not in ignored]

    def _rejected(
        self,
        batch: RowBatch,
        view: View,
        bad: list[tuple[int, Bad]],
        chosen: list[Sequence[int]],
        keys: dict[tuple[str, ...], list[str]],
    ) -> Iterator[MappedRow]:
        """The rejected rows, each with what names it and the events that it would have become."""
        rows = {i for i, _ in bad}
        events: dict[int, set[str]] = {i: set() for i in rows}
        for event, those in zip(self._events, chosen, strict=True) if bad else ():
            kinds = view.of(event.kind)
            for i in rows.intersection(those):
                name = event.name or kinds[i]
                if isinstance(name, str):
                    events[i].add(event_key(self._source, mapped_id(keys[event.key][i], name)))
        for i, why in bad:
            named = {row_key(self._source, those[i]) for those in keys.values()}
            yield _rejected(batch, i, why, tuple(sorted(events[i])), tuple(sorted(named)))

    def _keys(self, view: View, columns: tuple[str, ...]) -> list[str]:
        """A digest for each row: of its id columns, or of all of it and its occurrence."""
        if columns:
            rows = zip(*map(view.raw, columns), strict=True)
            return [_digest([cell.strip() for cell in row]).hex() for row in rows]
        if self._row is not None:
            named = zip(view.of(self._row), view.rows, strict=True)
            return [_digest([name, *row]).hex() for name, row in named]
        digests = list(map(_digest, view.rows))
        numbers = self._occurrences.number(digests)
        return [
            f"{digest.hex()}-{number}" if number else digest.hex()
            for digest, number in zip(digests, numbers, strict=True)
        ]

    def _signals(
        self, event: _Event, rows: Sequence[int], view: View, people: list[Any], keys: list[str]
    ) -> Iterator[bytes]:
        source, versions, fields = self._source, self._versions, event.fields
        columns = event.columns(view, rows)
        data = zip(*columns, strict=True) if columns else repeat(())
        times, kinds = _take(view.of(event.time), rows), _take(view.of(event.kind), rows)
        who, key = _take(people, rows), _take(keys, rows)
        actions = repeat(None) if self._action is None else _take(view.of(self._action), rows)
        for k, p, t, kind, action, values in zip(
            key, who, times, kinds, actions, data, strict=False
        ):
            signal = Signal(
                id=mapped_id(k, event.name or kind),
                source=source,
                type=kind,
                time=t,
                dataversion=versions[kind],
                actionid=action,
                identifiers=p,
                data={f: v for f, v in zip(fields, values, strict=True) if v is not None},
            )
            yield encode(signal)


def _identifiers(
    make: ColumnSources, table: TableSpec, name: str
) -> list[tuple[str, list[ColumnSource]]]:
    identifiers = []
    for kind, named in table.identifiers.items():
        spec = named if isinstance(named, IdentifierSpec) else IdentifierSpec(column=named)
        sources = [make.identifier(column, spec) for column in spec.columns]
        identifiers.append((kind, [make.row(name)] if spec.row else sources))
    return identifiers


def _event(make: ColumnSources, event: EventSpec) -> _Event:
    time = make.table.time_of(event)
    if time is None:
        raise ValueError("an event without a time passed the mapping's checks")
    fields = event.fields
    values = {name: make.field(name, spec) for name, spec in fields.items()}
    return _Event(
        when=_tests(make, event.when),
        name=event.name,
        kind=make.type(event.type),
        selective=isinstance(event.type, TypeSpec) and event.type.others == "skip",
        time=make.moment(time),
        fields=tuple(fields),
        values=tuple(values.values()),
        needed=tuple(source for name, source in values.items() if fields[name].required),
        key=make.need(event.id or make.table.id),
    )


def _tests(make: ColumnSources, conditions: tuple[Condition, ...]) -> tuple[ColumnSource, ...]:
    return tuple(make.test(condition) for condition in conditions)


def _person(kinds: list[str], values: tuple[Any, ...]) -> object:
    """Identifiers by kind; null stands for one that cannot be read, beside others that can.

    Where no other can be, the `Bad` that says why.
    """
    identifiers: dict[str, Any] = {}
    bad: dict[str, Any] = {}
    for kind, value in zip(kinds, values, strict=True):
        if type(value) is Bad:
            bad.setdefault(kind, value)
            continue
        if value is None:
            continue
        earlier = identifiers.get(kind)
        if earlier is None:
            identifiers[kind] = value
        elif isinstance(earlier, list):
            earlier.append(value)
        else:
            identifiers[kind] = [earlier, value]
    if identifiers.keys() - {ACCOUNT_KIND, NAME_KIND}:
        return {**dict.fromkeys(bad), **identifiers} if bad else identifiers
    return next(iter(bad.values()), _NOBODY)


def _digest(cells: Sequence[str]) -> bytes:
    return blake2b("\x1f".join(cells).encode(), digest_size=12).digest()


def _take(values: Sequence[Any], rows: Sequence[int]) -> Sequence[Any]:
    return values if len(rows) == len(values) else [values[i] for i in rows]


def _rejected(
    batch: RowBatch, row: int, why: Bad, keys: tuple[str, ...], row_keys: tuple[str, ...]
) -> MappedRow:
    cells = dict(zip(batch.names, batch.rows[row], strict=True))
    if len(cells) < len(batch.names):
        cells = {f"{k} {name}": batch.rows[row][k] for k, name in enumerate(batch.names)}
    document = msgspec.json.encode(cells)
    return MappedRow(document, batch.lines[row], why.rule, why.detail, keys, row_keys)


def _broken(broken: BrokenRow) -> MappedRow:
    document = msgspec.json.encode({"text": broken.text})
    return MappedRow(document, broken.line, broken.rule, broken.detail)
