"""Rows of CSV, JSON, Parquet files and workbooks, in batches, with the line each began in.

Memory is bounded by the batch (of a workbook, by its sheet, which is bounded). Every cell comes
out as text, an absent one as "". A row that is no row (a wrong number of fields, a stray quote) is
handed on as it stands, for the quarantine. A file that cannot be read at all raises BadInput.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from domain.errors import BadMapping
from signals.files.bounded_reading import short_lined, telling, unpacked
from signals.files.csv_reader import csv_batches, delimiter_of
from signals.files.file_format import FileFormat
from signals.files.file_kinds import GZIP, HEAD, PARQUET, ZIP, refuse_unread
from signals.files.headers import check_columns
from signals.files.json_rows import is_json, json_batches
from signals.files.parquet_reader import read_parquet
from signals.files.row_batches import RowBatch
from signals.files.text_streams import _bad, opened_text
from signals.files.xlsx_reader import read_workbook

_WORKBOOKS = (".xlsx", ".xlsm")
F = TypeVar("F", bound=FileFormat)


def as_written(path: Path, table: F) -> F:
    """The table with its file's own delimiter: None where it has none. Raises BadInput.

    What the delimiter tells of the numbers, such as `TableSpec.point`, is certain from here on.
    """
    with telling(path.name), path.open("rb") as raw:
        if _head(raw, path).startswith((PARQUET, ZIP)):
            return replace(table, delimiter=None)
        if is_json(path, table):
            return replace(table, delimiter=None)
        with _readable(path, table), opened_text(raw, path, table) as stream:
            return replace(table, delimiter=delimiter_of(stream, path.name, table))


def read_rows(
    path: Path, file_format: FileFormat, wanted: Sequence[str], *, whole: bool = False
) -> Iterator[RowBatch]:
    """The rows of a file, at least one batch (which may be empty). Raises BadInput.

    `wanted` are the columns that the file must have; of Parquet no other is read, but where rows
    are known by all of their cells (`whole`): then all that have a text are. Lines count from 1
    and include the header; of a Parquet file they are row numbers. Of JSON, a column that some
    documents lack is empty there.
    """
    batches = _batches(path, file_format, wanted, whole=whole)
    first = next(batches)
    check_columns(wanted, first.names, path, file_format)
    yield first
    yield from batches


def _batches(
    path: Path, file_format: FileFormat, wanted: Sequence[str], *, whole: bool
) -> Iterator[RowBatch]:
    with telling(path.name), path.open("rb") as raw:
        head = _head(raw, path)
        if head.startswith(PARQUET):
            yield from read_parquet(path, wanted, file_format.decimal or ".", whole=whole)
        elif head.startswith(ZIP):
            yield from read_workbook(path, file_format)
        elif is_json(path, file_format):
            yield from json_batches(path, file_format, wanted, whole=whole)
        else:
            yield from _of_text(raw, path, file_format)


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
            raise _bad(path, rule, what, "Rename it to what it is.")


def _of_text(raw: io.BufferedReader, path: Path, file_format: FileFormat) -> Iterator[RowBatch]:
    with _readable(path, file_format), opened_text(raw, path, file_format) as stream:
        yield from csv_batches(stream, path.name, file_format)


@contextmanager
def _readable(path: Path, file_format: FileFormat) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as bad:
        raise BadMapping(
            f"byte 0x{bad.object[bad.start]:02x} is not {file_format.encoding}",
            rule="encoding",
            where=path.name + _line_of(path, file_format),
            todo="Set the table's encoding, such as cp1252 or latin-1.",
        ) from bad
    except UnicodeError as bad:
        what = f"it is not {file_format.encoding}"
        raise _bad(path, "encoding", what, "Set the table's encoding.") from bad
    except csv.Error as bad:
        raise _bad(path, "csv-header", str(bad), "Mend the header line.") from bad


def _line_of(path: Path, file_format: FileFormat) -> str:
    """The line that cannot be decoded, for encodings that hold ASCII as it is."""
    if not path.is_file() or "\n".encode(file_format.encoding) != b"\n":
        return ""
    with path.open("rb") as raw:
        stream = unpacked(raw, path.name) if raw.peek(2).startswith(GZIP) else raw
        for number, line in enumerate(short_lined(stream, path.name), 1):
            try:
                line.decode(file_format.encoding)
            except UnicodeDecodeError:
                return f", line {number}"
    return ""
