"""What must fit together in a mapping file, checked before any row is read."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import msgspec

from domain.definition import Family
from domain.errors import BadMapping
from domain.identifiers import ACCOUNT_KIND, NAME_KIND, IdentifierKind
from domain.signals import TypeName
from signals.contracts.contract import Contract
from signals.identifiers.phone_regions import region_of
from signals.mapping.derivation import events_of
from signals.mapping.slug import slug_pattern
from signals.mapping.spec import (
    Condition,
    EventSpec,
    FieldSpec,
    IdentifierSpec,
    MappingFile,
    TableSpec,
    TypeSpec,
)
from signals.mapping.time_validation import check_time
from signals.mapping.timestamps import time_zone
from signals.mapping.words import Word

_TESTS = ("equals", "among", "present", "absent", "starts_with", "sign")


def check_mapping(file: MappingFile, where: str, standard: Mapping[str, Contract]) -> None:
    """Raise BadMapping, naming the place and what to do, for the first thing that does not fit."""
    with _at(where):
        if file.time_zone:
            time_zone(file.time_zone)
        _check_missing(file.missing)
    for t, table in enumerate(file.tables):
        place = f"{where}, tables[{t}]"
        with _at(place):
            _check_table(table)
        for e, event in enumerate(table.events):
            with _at(f"{place}.events[{e}]"):
                _check_event(file, table, event)
                _check_standard(event, standard)
    with _at(where):
        _check_names(file)


@contextmanager
def _at(where: str) -> Iterator[None]:
    try:
        yield
    except BadMapping as bad:
        raise BadMapping(bad.what, rule=bad.rule, where=where, todo=bad.todo) from bad


def _bad(what: str, rule: str, todo: str) -> NoReturn:
    raise BadMapping(what, rule=rule, todo=todo)


def _check_table(table: TableSpec) -> None:
    if table.time_zone:
        time_zone(table.time_zone)
    try:
        "".encode(table.encoding)
    except LookupError:
        _bad(f"encoding {table.encoding!r} is not known", "encoding", "Try utf-8 or cp1252.")
    if table.quote in (table.delimiter, "\r", "\n"):
        _bad("the quote is the delimiter or a line end", "quote", "Set another quote.")
    _check_identifiers(table)
    for words in (table.missing, *table.missing_in.values()):
        _check_missing(words)
    for condition in (*table.ignore, *(c for r in table.refuse for c in r.when)):
        _check_condition(condition)
    _check_event_names(table)


def _check_identifiers(table: TableSpec) -> None:
    kinds = [*IdentifierKind, ACCOUNT_KIND, NAME_KIND]
    for kind in table.identifiers:
        if kind not in kinds:
            _bad(f"identifier {kind!r} is not known", "identifier-kind", f"Use {_list(kinds)}.")
        _check_region(kind, table.identifiers[kind])
    if not table.identifiers.keys() - {ACCOUNT_KIND, NAME_KIND}:
        _bad("no identifier of a lead", "identifier-kind", f"Map one of {_list(kinds[:-2])}.")
    for kind, spec in table.identifiers.items():
        if isinstance(spec, IdentifierSpec):
            _check_identifier(kind, spec)


def _check_event_names(table: TableSpec) -> None:
    counts = Counter((t, event.name) for event in table.events for t in event.types)
    for (kind, name), times in counts.items():
        if times > 1:
            what = f"{times} events make {kind}" + (f" under the name {name}" if name else "")
            _bad(what, "event-names-differ", "Give each a name, so that their ids differ.")


def _check_identifier(kind: str, spec: IdentifierSpec) -> None:
    if (spec.column is None) == (spec.row is None):
        _bad(f"{kind} has column and row, or neither", "identifier", "Give exactly one of them.")
    if spec.row and spec.kind != "text":
        _bad(f"nothing uses the kind of {kind}", "identifier", "Leave the kind out.")


def _check_missing(words: tuple[Word, ...]) -> None:
    for word in words:
        if isinstance(word, bool):
            examples = "yes, true or on" if word else "no, false or off"
            _bad(f"missing has {examples} without quotes", "missing", "Put the word in quotes.")


def _check_region(kind: str, spec: str | tuple[str, ...] | IdentifierSpec) -> None:
    region = spec.region if isinstance(spec, IdentifierSpec) else None
    if region is None:
        return
    if kind != IdentifierKind.PHONE:
        _bad(f"identifier {kind} has a region", "region", "Only a phone has one: take it out.")
    if isinstance(region, str) and region_of(region) != region:
        todo = "Use a code of ISO 3166 such as US, or `region: {column: Country}`."
        _bad("the region of phone is not a country", "region", todo)


def _check_event(file: MappingFile, table: TableSpec, event: EventSpec) -> None:
    if isinstance(event.type, TypeSpec):
        _check_type(event.type)
    for condition in event.when:
        _check_condition(condition)
    time = table.time_of(event)
    if time is None:
        _bad("no time", "time", "Give the event or its table a time.")
    check_time(time, time.time_zone or table.time_zone or file.time_zone)
    for name, field in event.fields.items():
        _check_field(name, field)
    if event.value is not None:
        spec = event.fields.get(event.value)
        if spec is None or spec.of_kind not in ("number", "integer"):
            _bad(f"value is {event.value!r}", "value", "Name a numeric field of the event's data.")
    for kind in event.types:
        channel = file.channel_of(event, kind)
        try:
            msgspec.convert({"name": "x", "channel": channel, "types": ()}, Family)
        except msgspec.ValidationError:
            _bad(f"channel is {channel!r}", "channel", "Set a channel that begins with a letter.")


def _check_type(spec: TypeSpec) -> None:
    if (spec.column is None) == (spec.pattern is None):
        _bad("type has column and pattern, or neither", "event-type", "Give exactly one of them.")
    if not spec.types:
        _bad("type declares no types", "event-type", "List the types that may come out.")
    if spec.pattern is not None:
        columns, fill = slug_pattern(spec.pattern)
        if not columns or isinstance(spec.types, dict):
            todo = "Put a column in braces, and list the types that may come out."
            _bad(f"pattern is {spec.pattern!r}", "event-type", todo)
        try:
            msgspec.convert(fill(("x",) * len(columns)), TypeName)
        except msgspec.ValidationError:
            todo = "Write it with a point, such as crm.{column}."
            _bad(f"pattern is {spec.pattern!r}", "event-type", todo)


def _check_condition(test: Condition) -> None:
    tests = [name for name in _TESTS if getattr(test, name) is not None]
    if len(tests) != 1:
        todo = "Give exactly one of equals, in, present, absent, starts_with, sign."
        _bad(f"a condition on {test.column} has {len(tests)} tests", "condition", todo)


def _check_field(name: str, spec: FieldSpec) -> None:
    sources = [x for x in (spec.column, spec.constant, spec.product) if x is not None]
    if len(sources) != 1:
        todo = "Give exactly one of column, constant, product."
        _bad(f"the data field {name} has {len(sources)} sources", "field", todo)
    if spec.product is not None and spec.of_kind not in ("number", "integer"):
        _bad(f"{name} is a product of kind {spec.of_kind}", "field", "Make it a number.")
    if spec.kind == "percent" and spec.column is None:
        _bad(f"{name} is a percentage without a column", "field", "Give it a column.")
    bounds = spec.minimum is not None or spec.maximum is not None
    if bounds and spec.of_kind not in ("number", "integer"):
        _bad(f"{name} has a minimum or maximum, is {spec.of_kind}", "field", "Set kind: number.")
    if spec.constant is not None and spec.of_kind != FieldSpec(constant=spec.constant).of_kind:
        _bad(f"{name} is a constant, not {spec.of_kind}", "field", "Leave the kind out.")
    if spec.enum and spec.of_kind != "text":
        _bad(f"{name} has an enum, is {spec.of_kind}", "field", "Only text has an enum.")


def _check_standard(event: EventSpec, standard: Mapping[str, Contract]) -> None:
    for kind in event.types:
        contract = standard.get(kind)
        if contract is None:
            continue
        expected = {f.name: "text" if f.kind == "string" else f.kind for f in contract.fields}
        for name, spec in event.fields.items():
            if name not in expected:
                todo = f"Use {_list(expected)}, or an event type of your own."
                _bad(f"{kind} has no field {name}", "standard-field", todo)
            if spec.of_kind != expected[name] and (spec.of_kind, expected[name]) != (
                "integer",
                "number",
            ):
                _bad(
                    f"{name} of {kind} is {expected[name]}, not {spec.of_kind}",
                    "standard-field",
                    f"Set kind: {expected[name]}.",
                )
        for field in contract.fields:
            if field.required and field.name not in event.fields:
                todo = f"Map {field.name} in its data."
                _bad(f"{kind} needs the field {field.name}", "standard-field", todo)


def _check_names(file: MappingFile) -> None:
    events = events_of(file)
    for name, outcome in file.outcomes.items():
        for kind in outcome.types:
            if kind not in events:
                todo = f"Name one of {_list(events)}."
                _bad(f"outcome {name} names {kind}, which no event has", "outcome-types", todo)
    fields = {
        name
        for events_of_type in events.values()
        for event in events_of_type
        for name in event.fields
    }
    for name in file.texts:
        if name not in events and name not in fields:
            todo = "Name an event type or a data field of the mapping."
            _bad(
                f"texts has {name}, which is neither an event type nor a data field", "texts", todo
            )
    if file.features is not None and (file.half_lives_days or file.accounts is not None):
        todo = "Say half_lives_days and accounts inside features."
        _bad("features stands beside half_lives_days or accounts", "features", todo)


def _list(names: object) -> str:
    return ", ".join(map(str, names))  # type: ignore[call-overload]
