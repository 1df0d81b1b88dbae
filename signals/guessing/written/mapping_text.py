"""The mapping that guesses come to, as a file with a comment for each of them."""

import re
from collections.abc import Collection, Iterator, Sequence

from signals.guessing.column_names import words_of
from signals.guessing.examination import Tables
from signals.guessing.moments import SINCE
from signals.guessing.table_guess import ColumnKind, TableGuess, TimeGuess
from signals.guessing.written.yaml_words import comment, listed, mapped, scalar, time_text
from signals.mapping.slug import slug
from signals.mapping.spec import TimeSpec

_LEADS = frozenset(["crm_id", "user_id", "email", "cookie", "device"])
_TAIL = re.compile(r"[-_ .()\d]+$")
_ENDING = re.compile(r"(\.(csv|tsv|txt|json|jsonl|ndjson|parquet|xlsx|xlsm))?(\.gz)?$", re.I)
LONGEST_NAME = 40
_KEYS_OF_THEIR_OWN = (
    "# Files have keys of their own here: where two of them hold the same one, such as 1042, it is",
    "# taken for one lead. Are they different things? Make a mapping and a home for each.",
)


class EventTypes:
    """The names of a mapping and of its event types and data fields: each column's field once."""

    def __init__(self, tables: Tables, name: str = "") -> None:
        self.name = _part(name) if name else _name_of(tables)
        self._several = sum(t.created is not None and t.stream is None for t in tables) > 1
        self._kinds: dict[str, str] = {}
        self.texts: dict[str, str] = {}

    def type(self, table: TableGuess, what: str) -> str:
        """An event type, such as `shop.lead_won`."""
        part = _part(stem(table.file_name)) if self._several else "lead"
        return f"{self.name}.{part}_{what}"

    def field(self, column: str, kind: ColumnKind) -> str:
        """The data field of a column: another name where one of another kind has it already."""
        plain = _part(words_of(column))[:60]
        name, number = plain, 2
        while self._kinds.get(name, f"{kind.kind} {column}") != f"{kind.kind} {column}":
            name, number = f"{plain}_{number}", number + 1
        self._kinds[name] = f"{kind.kind} {column}"
        self.texts[name] = " ".join(re.split(r"[\s_]+", column.strip()))
        return name


def mapping_text(tables: Tables, types: EventTypes) -> str:
    """The whole file."""
    won = [t for table in tables for t in _types_of(table, types, "won")]
    lost = [t for table in tables for t in _types_of(table, types, "lost")]
    body = [line for table in tables for line in _table(table, types, alone=len(tables) == 1)]
    lines = [
        "# Written by `leadscore init`: every guess says why. docs/mapping.md tells every key.",
        f"name: {scalar(types.name)}",
        f"source: {scalar(types.name)}",
    ]
    keys = {table.identifiers.get("crm_id") for table in tables} - {None}
    if len(keys) > 1:
        lines += _KEYS_OF_THEIR_OWN
    if any(t.created is not None and t.created.made_up for t in tables):
        lines.append("half_lives_days: [1]  # times are made up: one is enough")
    lines += ["tables:", *body, "outcomes:", f"  won: {{types: {listed(dict.fromkeys(won))}}}"]
    if lost:
        lines.append(f"  lost: {{types: {listed(dict.fromkeys(lost))}}}")
    if types.texts:
        lines.append("texts:  # what explanations call them")
        lines += [f"  {scalar(name)}: {scalar(text)}" for name, text in types.texts.items()]
    return "\n".join(lines) + "\n"


def created_types(tables: Tables, types: EventTypes) -> list[str]:
    """The event types by which leads come."""
    return [types.type(t, "created") for t in tables if t.created is not None and t.stream is None]


def stem(name: str) -> str:
    """A file's name without its endings."""
    return _ENDING.sub("", name)


def _types_of(table: TableGuess, types: EventTypes, end: str) -> list[str]:
    outcome = table.outcome
    if outcome is None or (end == "lost" and not outcome.lost):
        return []
    if table.stream is not None:
        return [f"{types.name}.{slug(str(word))}" for word in outcome.won] if end == "won" else []
    return [types.type(table, end)]


def _name_of(tables: Tables) -> str:
    """A name for all: the export's, what the files' names begin with, or the first one's."""
    exports = {table.export_name for table in tables}
    if len(exports) == 1 and "" not in exports:
        return exports.pop()
    stems = [stem(table.file_name) for table in tables]
    words = [slug(stem).split("_") for stem in stems]
    common = []
    for column in zip(*words, strict=False):
        if len(set(column)) > 1:
            break
        common.append(column[0])
    shared = "_".join(common)
    return _part(shared if len(shared) > 2 else slug(_TAIL.sub("", stems[0])))[:LONGEST_NAME]


def _part(words: str) -> str:
    """Words as a name: beginning with a letter."""
    plain = slug(words)
    return plain if plain[:1].isalpha() else f"c_{plain}".rstrip("_")


def _table(table: TableGuess, types: EventTypes, *, alone: bool) -> Iterator[str]:
    rows = f"{table.sample.rows:,} rows" + ("" if table.sample.whole else " and more")
    looked = "" if table.sample.every else f", {table.sample.size:,} of them looked at"
    export = f" Recognised as {table.export}." if table.export else ""
    yield f"  # {scalar(table.file_name)}: {rows}{looked}.{export}"
    first = "  - "
    for line in (*_format(table, alone=alone), *_identifiers(table)):
        yield first + line
        first = "    "
    yield "    events:"
    yield from _stream(table, types) if table.stream is not None else _leads(table, types)


def _format(table: TableGuess, *, alone: bool) -> Iterator[str]:
    if not alone:
        yield f"files: {listed([_pattern(table.file_name)])}"
    yield from _layout(table)
    if table.decimal is not None:
        yield f"decimal: {scalar(table.decimal)}"
    if table.missing:
        yield f"missing: {listed(table.missing)}  # words of programs and forms for no value"
    used = {c: words for c, words in table.missing_in.items() if c in table.fields}
    if used:
        yield "missing_in:"
        yield from (f"  {scalar(column)}: {listed(words)}" for column, words in used.items())
    if table.time_zone:
        yield f"time_zone: {scalar(table.time_zone)}{comment(table.zone_why)}"
    if table.stream is not None and table.stream.key:
        yield f"id: {listed([table.stream.key])}  # tells events apart: none counts twice"
    if table.action:
        yield f"action_id: {scalar(table.action)}  # by its name: an action of ours caused the row"


def _layout(table: TableGuess) -> Iterator[str]:
    layout = table.layout.file_format
    why = "; ".join(table.layout.why)
    if layout.encoding != "utf-8":
        yield f"encoding: {scalar(layout.encoding)}{comment('' if layout.columns else why)}"
    if layout.delimiter is not None:
        yield f"delimiter: {scalar(layout.delimiter)}"
    if layout.quote != '"':
        yield f"quote: {scalar(layout.quote)}"
    if layout.skip_lines:
        yield f"skip_lines: {layout.skip_lines}  # titles stand above the header"
    if layout.sheet is not None:
        yield f"sheet: {scalar(layout.sheet)}"
    if layout.columns:
        yield f"columns: {listed(layout.columns)}{comment(why)}"


def _pattern(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", _TAIL.sub("", stem(name)) or stem(name)) + "*"


def _identifiers(table: TableGuess) -> Iterator[str]:
    yield "identifiers:"
    if not table.identifiers.keys() & _LEADS:
        yield "  crm_id: {row: true}  # no column is a key: the file's name and the row's number"
    for kind, columns in table.identifiers.items():
        text = scalar(columns[0]) if len(columns) == 1 else listed(columns)
        yield f"  {kind}: {text}{comment(table.whys.get(kind, ''))}"


def _leads(table: TableGuess, types: EventTypes) -> Iterator[str]:
    if table.created is not None:
        yield "      # The lead comes, with what is known of it then."
        yield f"      - type: {types.type(table, 'created')}"
        yield _time(table.created)
        if table.fields:
            yield "        data:"
            yield from _fields(table, types)
    yield from _left_out(table)
    outcome = table.outcome
    if outcome is None:
        return
    won: dict[str, object] = {"column": outcome.column}
    won |= _words(outcome.won) if outcome.won else {"present": True}
    yield f"      # The outcome, {outcome.why}."
    yield from _end(table, types, "won", won)
    if outcome.lost:
        yield from _end(table, types, "lost", {"column": outcome.column} | _words(outcome.lost))
    elif outcome.won and not isinstance(outcome.won[0], str):
        yield "      # Of the others no column says whether they are lost or still open."


def _words(words: Sequence[object]) -> dict[str, object]:
    return {"equals": words[0]} if len(words) == 1 else {"in": list(words)}


def _end(table: TableGuess, types: EventTypes, end: str, test: dict[str, object]) -> Iterator[str]:
    time = table.decided if end == "won" else table.lost
    if time is None:
        return
    yield f"      - type: {types.type(table, end)}"
    tests = [mapped(test)]
    column = time.spec.column
    why = ""
    if not time.made_up and column != test["column"] and (lacking := _lacking(table, end, column)):
        tests.append(mapped({"column": column, "present": True}))
        why = f"{lacking:,} rows say so and have no time of it: they stay open"
    yield f"        when: [{', '.join(tests)}]{comment(why)}"
    yield _time(time)


def _lacking(table: TableGuess, end: str, column: str | None) -> int:
    """Rows that ended so, and whose time of it is missing."""
    outcome = table.outcome
    if outcome is None or column is None:
        return 0
    counts = outcome.is_won if end == "won" else outcome.is_lost
    rows = zip(table.cells(outcome.column), table.cells(column), strict=True)
    return sum(counts(cell) and not time for cell, time in rows)


def _time(time: TimeGuess) -> str:
    return f"        time: {time_text(time.spec)}{comment(time.why)}"


def _fields(table: TableGuess, types: EventTypes) -> Iterator[str]:
    for column, kind in table.fields.items():
        name = types.field(column, kind)
        text = scalar(column)
        if kind.kind != "text":
            text = mapped({"column": column, "kind": kind.kind})
        yield f"          {scalar(name)}: {text}"


def _left_out(table: TableGuess) -> Iterator[str]:
    if table.late:
        yield "      # Left out, for they seem to be written with the outcome or after it. Was one"
        yield "      # written before? Put it among the data of the event that it belongs to."
        yield from (f"      #   {scalar(c)}: {why}" for c, why in table.late.items())
    others = table.left_out | table.sample.unusable
    if others:
        yield "      # Left out besides:"
        yield from (f"      #   {scalar(c)}: {why}" for c, why in others.items())


def _stream(table: TableGuess, types: EventTypes) -> Iterator[str]:
    stream, created = table.stream, table.created or TimeGuess(TimeSpec(at=SINCE), "")
    if stream is None:
        return
    ends = set(table.outcome.won) if table.outcome else set()
    kinds = list(dict.fromkeys(f"{types.name}.{slug(n)}" for n in stream.common if n not in ends))
    yield f"      # Each of the {len(stream.common)} names of events that are common is a type."
    pattern = f"{types.name}.{{{stream.column}}}"
    if kinds:
        yield f"      - type: {mapped({'pattern': pattern, 'types': kinds, 'others': 'skip'})}"
        yield from _stream_body(table, types, created, stream.column, stream.common, ends)
    for word in ends:
        yield "      # The outcome, " + (table.outcome.why if table.outcome else "") + "."
        yield f"      - type: {types.name}.{slug(str(word))}"
        yield f"        when: [{mapped({'column': stream.column, 'equals': word})}]"
        yield _time(created)
    yield "      # All others are kept in the log, and are no feature."
    yield f"      - type: {types.name}.other_event"
    others = {"column": stream.column, "in": list(stream.common), "not": True}
    yield f"        when: [{mapped(others)}]"
    yield "        feature: false"
    yield _time(created)
    yield from _left_out(table)


def _stream_body(
    table: TableGuess,
    types: EventTypes,
    created: TimeGuess,
    column: str,
    common: Sequence[str],
    ends: Collection[object],
) -> Iterator[str]:
    kept = [name for name in common if name not in ends]
    yield f"        when: [{mapped({'column': column, 'in': kept})}]"
    yield "        name: by_name"
    yield _time(created)
    if table.fields:
        yield "        data:"
        yield from _fields(table, types)
