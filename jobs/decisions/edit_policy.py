"""Policies that people edit: as spreadsheets, and as graphs of the GoRules editor."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from decisions.policy.graph_file import PolicyTerms, as_policy, is_graph
from decisions.policy.policy import read_bytes
from decisions.proof.cases import cases_file
from decisions.spreadsheets import csv_files, workbook
from decisions.spreadsheets.sheet import Sheet
from decisions.spreadsheets.tables import changed, sheets_of
from domain.errors import BadConfiguration, BadInput, Missing
from storage.files import write_whole

KINDS = (".csv", ".xlsx")


class TableChange(msgspec.Struct, frozen=True, kw_only=True):
    """What an edit does to a table: identifiers of rules added, removed, changed; any moved."""

    table: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    moved: bool


def write_sheets(policy: Path, to: Path, table: str | None = None) -> list[Path]:
    """Write a policy's tables and settings; the files that were written.

    A workbook has a sheet each. CSV files are one a sheet, `mine.routing.csv` of `mine.csv`; with
    `table` that one alone, as `to` itself. Raises BadInput.
    """
    kind, sheets = _kind(to, "--to"), sheets_of(_document(policy))
    if table is not None:
        sheets = [_named(sheets, table)]
    if kind == ".xlsx":
        write_whole(to, workbook.written(sheets))
        return [to]
    paths = [to if table is not None else _part(to, sheet.name) for sheet in sheets]
    for path, sheet in zip(paths, sheets, strict=True):
        write_whole(path, csv_files.written(sheet))
    return paths


def read_edit(
    policy: Path, source: Path, terms: PolicyTerms, table: str | None = None
) -> dict[str, Any]:
    """The policy's document as a spreadsheet, or a graph of the GoRules editor, says it is.

    Raises BadInput naming sheet, row and column; Missing.
    """
    before = _document(policy)
    if source.suffix == ".json":
        document = _parsed(source)
        return as_policy(document, terms, before) if is_graph(document) else document
    sheets = list(_sheets(before, source, table))
    return changed(before, sheets) | terms.keys_of_file()


def changes(before: Path, after: dict[str, Any]) -> list[TableChange]:
    """What an edit does to each table; nothing of those that it leaves alone."""
    was, now = ({s.name: s for s in sheets_of(document)} for document in (_document(before), after))
    edits = [_change(name, was.get(name), now.get(name)) for name in dict.fromkeys([*was, *now])]
    return [one for one in edits if one is not None]


def encoded(document: dict[str, Any]) -> bytes:
    """A policy's document as a file."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


@contextmanager
def completed(path: Path, terms: PolicyTerms) -> Iterator[Path]:
    """A policy's file with terms that a graph of the GoRules editor lacks, for as long as needed.

    The file itself where none are given.
    """
    if not terms.keys_of_file():
        yield path
        return
    with TemporaryDirectory(prefix="policy-") as folder:
        whole = Path(folder) / path.name
        whole.write_bytes(encoded(as_policy(_parsed(path), terms)))
        if cases_file(path).is_file():
            copyfile(cases_file(path), cases_file(whole))
        yield whole


def _kind(path: Path, option: str) -> str:
    if path.suffix.lower() not in KINDS:
        raise BadInput(
            "the file is neither .csv nor .xlsx",
            rule="policy-sheet",
            where=option,
            todo="Name it so; with --from, .json is a graph of the GoRules editor.",
        )
    return path.suffix.lower()


def _sheets(document: dict[str, Any], source: Path, table: str | None) -> Iterator[Sheet]:
    """The sheets in a workbook, or in the CSV files of a policy's tables."""
    kind, names = _kind(source, "--from"), [sheet.name for sheet in sheets_of(document)]
    if kind == ".xlsx":
        sheets = workbook.read(_read(source))
        yield from sheets if table is None else [_named(sheets, table)]
    elif table is not None:
        _named(sheets_of(document), table)
        yield csv_files.read(_read(source), table)
    else:
        parts = [(name, _part(source, name)) for name in names]
        if not any(part.is_file() for _, part in parts):
            raise Missing(
                "no table's file is there",
                rule="policy-sheet",
                where=source.name,
                todo=f"They are named as {_part(source, names[-1]).name}, or give --table.",
            )
        yield from (csv_files.read(_read(p), name) for name, p in parts if p.is_file())


def _named(sheets: Sequence[Sheet], table: str) -> Sheet:
    for sheet in sheets:
        if sheet.name == table:
            return sheet
    raise BadInput(
        f"there is no sheet {table!r}",
        rule="policy-sheet",
        where="--table",
        todo=f"Sheets are {', '.join(sheet.name for sheet in sheets)}.",
    )


def _part(path: Path, sheet: str) -> Path:
    return path.with_name(f"{path.stem}.{sheet}{path.suffix}")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(workbook.MOST_BYTES + 1)
    except OSError as bad:
        raise Missing("the file cannot be read", rule="policy-sheet", where=path.name) from bad


def _document(path: Path) -> dict[str, Any]:
    document = _parsed(path)
    return as_policy(document, PolicyTerms()) if is_graph(document) else document


def _parsed(path: Path) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(read_bytes(path))
        sheets_of(document if not is_graph(document) else {"decision": document, "grades": _ANY})
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, RecursionError) as bad:
        raise BadConfiguration(
            "the file is no policy's", rule="policy-file", where=path.name
        ) from bad
    return document  # type: ignore[no-any-return]


_ANY = dict.fromkeys("ABC", 0.5)


def _change(name: str, was: Sheet | None, now: Sheet | None) -> TableChange | None:
    """What differs of a sheet by the identifiers of its rows."""
    before, after = _rows(was), _rows(now)
    kept = [rule for rule in before if rule in after]
    moved = kept != [rule for rule in after if rule in before]
    change = TableChange(
        table=name,
        added=tuple(rule for rule in after if rule not in before),
        removed=tuple(rule for rule in before if rule not in after),
        changed=tuple(rule for rule in kept if before[rule] != after[rule]),
        moved=moved,
    )
    return change if moved or change.added or change.removed or change.changed else None


def _rows(sheet: Sheet | None) -> dict[str, dict[str, str]]:
    """Rows by rule, each by the keys of its columns; settings by their keys."""
    if sheet is None:
        return {}
    keys = sheet.rows[1]
    ruled = keys.index("then rule") if "then rule" in keys else 0
    rows = {}
    for at, row in enumerate(sheet.rows[2:]):
        name = row[ruled].strip().strip("\"'") or f"row {at + 1}"
        rows[name] = dict(zip(keys, row, strict=True))
    return rows
