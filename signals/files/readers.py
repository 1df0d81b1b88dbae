"""Rows of CSV, gzipped CSV, Parquet files and workbooks, in batches, with the line each began in.

Memory is bounded by the batch (of a workbook, by its sheet, which is bounded). Every cell comes
out as text, an absent one as "". A row that is no row (a wrong number of fields, a stray quote) is
handed on as it stands, for the quarantine. A file that cannot be read at all raises BadInput.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from domain.errors import BadInput, BadMapping
from signals.files.bounded_reading import short_lined, telling, unpacked
from signals.files.csv_reader import csv_batches, delimiter_of
from signals.files.file_kinds import GZIP, HEAD, PARQUET, ZIP, marked_encoding, refuse_unread
from signals.files.headers import check_columns
from signals.files.parquet_reader import read_parquet
from signals.files.row_batches import Batch
from signals.files.xlsx_reader import read_workbook
from signals.mapping.spec import TableSpec

_WORKBOOKS = (".xlsx", ".xlsm")


def as_written(path: Path, table: TableSpec) -> TableSpec:
    """The table with its file's own delimiter: None where it has none. Raises BadInput.

    What the delimiter tells of the numbers, such as `TableSpec.point`, is certain from here on.
    """
    with telling(path.name), path.open("rb") as raw:
        if _head(raw, path).startswith((PARQUET, ZIP)):
            return replace(table, delimiter=None)
        with _readable(path, table), opened_text(raw, path, table) as stream:
            return replace(table, delimiter=delimiter_of(stream, path.name, table))


def read_rows(
    path: Path, table: TableSpec, wanted: Sequence[str], *, whole: bool = False
) -> Iterator[Batch]:
    """The rows of a file, at least one batch (which may be empty). Raises BadInput.

    `wanted` are the columns that the file must have; of Parquet no other is read, but where rows
    are known by all of their cells (`whole`): then all that have a text are. Lines count from 1
    and include the header; of a Parquet file they are row numbers.
    """
    batches = _batches(path, table, wanted, whole=whole)
    first = next(batches)
    check_columns(wanted, first.names, path, table)
    yield first
    yield from batches


def _batches(
    path: Path, table: TableSpec, wanted: Sequence[str], *, whole: bool
) -> Iterator[Batch]:
    with telling(path.name), path.open("rb") as raw:
        head = _head(raw, path)
        if head.startswith(PARQUET):
            yield from read_parquet(path, wanted, table.decimal or ".", whole=whole)
        elif head.startswith(ZIP):
            yield from read_workbook(path, table)
        else:
            yield from _of_text(raw, path, table)


def _head(raw: io.BufferedReader, path: Path) -> bytes:
    """A file's first bytes. Raises BadInput where they are not what its name says, or unread."""
    head = raw.peek(HEAD)[:HEAD]
    _refuse_name(path, head)
    refuse_unread(head, path.name)
    return head


def _refuse_name(path: Path, head: bytes) -> None:
    """Refuse files that are called what they are not."""
    for endings, magics, rule, kind in (
        ((".gz",), (GZIP,), "not-gzip", "gzip"),
        ((".parquet",), (PARQUET, b"PARE"), "not-parquet", "Parquet"),
        (_WORKBOOKS, (ZIP,), "not-workbook", "a workbook"),
    ):
        if path.suffix.lower() in endings and not head.startswith(magics):
            what = f"it is named {path.suffix} and is not {kind}"
            raise _bad(path, rule, what, "Name it as what it is.")


def _of_text(raw: io.BufferedReader, path: Path, table: TableSpec) -> Iterator[Batch]:
    with _readable(path, table), opened_text(raw, path, table) as stream:
        yield from csv_batches(stream, path.name, table)


def opened_text(raw: io.BufferedReader, path: Path, table: TableSpec) -> io.TextIOWrapper:
    """The text of a file that may be gzip, line ends as they stand. Raises BadInput."""
    if raw.peek(HEAD).startswith(GZIP):
        raw = unpacked(raw, path.name)
    head = raw.peek(HEAD)[:HEAD]
    encoding = _encoding(head, path, table)
    return io.TextIOWrapper(short_lined(raw, path.name, encoding), encoding=encoding, newline="")


def _encoding(head: bytes, path: Path, table: TableSpec) -> str:
    """The mapping's encoding, where the file's first bytes do not contradict it."""
    said = codecs.lookup(table.encoding).name
    wide = said.startswith(("utf-16", "utf-32"))
    marked, _ = marked_encoding(head)
    if not head:
        raise _bad(path, "empty-file", "the file is empty", "Export it again.")
    refuse_unread(head, path.name)
    if marked and not said.startswith((marked, f"{marked}-")):
        what = f"it begins as {marked.upper()} does, the mapping's encoding is {table.encoding}"
        raise _bad(path, "encoding", what, f"Set encoding: {marked}.")
    if b"\0" in head and not wide:
        raise _bad(path, "binary-file", "it is binary", "Give CSV, gzip, Parquet or .xlsx.")
    # a mark that is there settles the order of bytes, and is taken away
    return marked if wide and marked else "utf-8-sig" if said == "utf-8" else said


@contextmanager
def _readable(path: Path, table: TableSpec) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as bad:
        raise BadMapping(
            f"byte 0x{bad.object[bad.start]:02x} is not {table.encoding}",
            rule="encoding",
            where=path.name + _line_of(path, table),
            todo="Set the table's encoding, such as cp1252 or latin-1.",
        ) from bad
    except UnicodeError as bad:
        what = f"it is not {table.encoding}"
        raise _bad(path, "encoding", what, "Set the table's encoding.") from bad
    except csv.Error as bad:
        raise _bad(path, "csv-header", str(bad), "Mend the header line.") from bad


def _line_of(path: Path, table: TableSpec) -> str:
    """The line that cannot be decoded, for encodings that hold ASCII as it is."""
    if not path.is_file() or "\n".encode(table.encoding) != b"\n":
        return ""
    with path.open("rb") as raw:
        stream = unpacked(raw, path.name) if raw.peek(2).startswith(GZIP) else raw
        for number, line in enumerate(short_lined(stream, path.name), 1):
            try:
                line.decode(table.encoding)
            except UnicodeDecodeError:
                return f", line {number}"
    return ""


def _bad(path: Path, rule: str, what: str, todo: str) -> BadInput:
    return BadMapping(what, rule=rule, where=path.name, todo=todo)
