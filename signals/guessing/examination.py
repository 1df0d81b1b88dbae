"""One or more exports, examined: what each is, and how they hang together."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from domain.errors import BadInput
from signals.guessing import column_names as names
from signals.guessing.data_fields import choose_fields, ends_by_key, ends_of, overlap
from signals.guessing.identities import identify
from signals.guessing.known_exports import Headers, KnownExport, recognised
from signals.guessing.layout.file_layout import file_layout
from signals.guessing.layout.table_sample import TableSample, read_sample
from signals.guessing.moments import created_time, decided_times, is_local
from signals.guessing.outcome_guess import OutcomeGuess, asked_outcome, outcome_of
from signals.guessing.questions import Answers, Notes, OpenQuestion
from signals.guessing.streams import asked_stream_outcome, stream_of, stream_outcome
from signals.guessing.table_guess import TableGuess
from signals.guessing.values import read_values

MOST_FILES = 20
Tables = list[TableGuess]
_Exports = Mapping[str, KnownExport | None]


def examine(paths: Sequence[Path], notes: Notes) -> Tables:
    """What the files seem to hold. Raises BadInput, also where a question has no answer."""
    if len(paths) > MOST_FILES:
        raise BadInput(f"more than {MOST_FILES} files", rule="init-files", todo="Give fewer.")
    tables = [_looked_at(path, notes) for path in paths]
    _check_stated(tables, notes.answers)
    exports = {t.file_name: recognised(t.sample.names) for t in tables}
    shared = shared_columns(tables)
    for table in tables:
        export = exports[table.file_name]
        if export is not None:
            table.export, table.export_name = export.title, export.name
        identify(table, export, shared, notes.answers.key)
        created_time(table, export, notes, needed=False)
        table.stream = stream_of(table, export)
    _find_outcomes(tables, exports, notes)
    for table in tables:
        if table.created is None and not _only_ends(table, tables):
            created_time(table, exports[table.file_name], notes, needed=True)
        decided_times(table, exports[table.file_name])
        _settle_zone(table, exports[table.file_name], notes)
    for table in tables:
        choose_fields(table, exports[table.file_name], _ends(table, tables))
    return sorted(tables, key=lambda table: table.only_ends)


def _looked_at(path: Path, notes: Notes) -> TableGuess:
    layout = file_layout(path, notes)
    sample = read_sample(path, layout.file_format)
    if not sample.size and sample.broken:
        raise BadInput(
            f"none of its {sample.broken:,} rows can be read; of the first: {sample.fault}",
            rule="init-unread",
            where=path.name,
            todo="Export it again, as CSV if need be.",
        )
    if not sample.size:
        raise BadInput(
            "the file has no rows below its header",
            rule="init-empty",
            where=path.name,
            todo="Export it again with leads in it.",
        )
    _check_header(sample)
    guess = TableGuess(sample, layout)
    read_values(guess, notes)
    return guess


def _check_header(sample: TableSample) -> None:
    """Refuse names that hold an address: what is said of a column would tell of a lead."""
    for number, name in enumerate(sample.names, 1):
        if "@" in name:
            raise BadInput(
                f"column {number} of the header has an address in place of a name",
                rule="init-header",
                where=sample.path.name,
                todo="Give the file a first line with the names of its columns.",
            )


def _check_stated(tables: Tables, answers: Answers) -> None:
    """Refuse an option that names a column which no file has."""
    columns = {name for table in tables for name in table.sample.names}
    stated = {
        "--key": answers.key,
        "--created": answers.created,
        "--outcome": answers.outcome.partition("=")[0],
    }
    for option, column in stated.items():
        if column and column not in columns:
            raise BadInput(
                f"no file has the column that {option} names",
                rule="init-column",
                todo="Give it as it stands in the header.",
            )


def shared_columns(tables: Tables) -> dict[str, str]:
    """Key columns by whose values files hang together, each with why."""
    keys = []
    for table in tables:
        columns = [n for n in table.sample.names if names.KEY.search(names.words_of(n))]
        keys.append({name: set(table.distinct(name)) for name in columns})
    shared: dict[str, str] = {}
    for at, one in enumerate(keys):
        for other in keys[at + 1 :]:
            for name in overlap(one, other):
                both = len(one[name] & other[name])
                shared[name] = f"{both:,} of its values stand in several files"
    return shared


def _find_outcomes(tables: Tables, exports: _Exports, notes: Notes) -> None:
    for table in tables:
        if table.stream is not None:
            table.outcome = stream_outcome(table.stream, notes)
        else:
            table.outcome = _of_export(table, exports[table.file_name], notes) or outcome_of(
                _values(table), table.times, notes, table.file_name
            )
    if any(table.outcome for table in tables):
        return
    first = tables[0]
    if first.stream is not None:
        first.outcome = asked_stream_outcome(first, first.stream, notes)
    else:
        first.outcome = asked_outcome(_values(first), first.times, notes, first.file_name)
    if first.outcome is None:
        raise BadInput(
            "no file has the outcome's column",
            rule="init-column",
            todo="Give --outcome COLUMN as it stands in the header.",
        )


def _values(table: TableGuess) -> dict[str, list[str]]:
    return {name: table.distinct(name) for name in table.sample.names}


def _of_export(table: TableGuess, export: KnownExport | None, notes: Notes) -> OutcomeGuess | None:
    if export is None or notes.answers.outcome:
        return None
    headers = Headers(table.sample.names)
    for stated in export.outcomes:
        column = headers.own(stated.column)
        outcome = OutcomeGuess(column, stated.won, stated.lost, f"{export.title} has it so")
        if column and any(map(outcome.is_won, table.distinct(column))):
            present = table.distinct(column)
            return outcome._replace(
                won=tuple(w for w in stated.won if not isinstance(w, str) or w in present),
                lost=tuple(w for w in stated.lost if not isinstance(w, str) or w in present),
            )
    return None


def _key_of(table: TableGuess) -> str:
    return next((c for kind in ("crm_id", "user_id") for c in table.identifiers.get(kind, ())), "")


def _only_ends(table: TableGuess, tables: Tables) -> bool:
    """Whether a table holds nothing but the end of leads that come in another one."""
    key = _key_of(table)
    return (
        table.outcome is not None
        and table.outcome.column in table.times
        and any(t is not table and t.created and key and key == _key_of(t) for t in tables)
    )


def _ends(table: TableGuess, tables: Tables) -> tuple[list[bool], list[bool]] | None:
    """Of each row how it ended: by its own outcome, or by that of another file's row of its key."""
    if table.outcome is not None:
        return ends_of(table)
    key = _key_of(table)
    for other in tables:
        ends = ends_of(other) if other is not table and _key_of(other) == key else None
        if key and ends is not None and other.stream is None:
            won = {cell for cell, end in zip(other.cells(key), ends[0], strict=True) if end}
            return ends_by_key(table, key, frozenset(won))
    return None


def _settle_zone(table: TableGuess, export: KnownExport | None, notes: Notes) -> None:
    if not any(is_local(table, time) for time in (table.created, table.decided, table.lost)):
        return
    if export is not None and export.time_zone and not notes.answers.time_zone:
        table.time_zone, table.zone_why = export.time_zone, export.time_zone_why
        return
    question = OpenQuestion(
        "--time-zone",
        "times without an offset: in which zone are they, such as Europe/Rome?",
        table.file_name,
        guess="UTC",
    )
    table.time_zone = notes.settle(notes.answers.time_zone, question)
    table.zone_why = "as it was stated"
    if not notes.answers.time_zone and table.time_zone == "UTC":
        table.zone_why = "a guess: its times have no offset, and the file says nothing of a zone"
