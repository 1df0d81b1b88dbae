"""Rows of CSV, gzipped CSV and Parquet files, in batches, with the line each began in.

Memory is bounded by the batch. Every cell comes out as text, an absent one as "". A row that is
no row (a wrong number of fields, a stray quote) is handed on as it stands, for the quarantine.
A file that cannot be read at all raises BadMapping.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import BadMapping
from signals.csv_rows import csv_batches
from signals.mapping_format import TableSpec
from signals.parquet import read_parquet
from signals.row_batches import BATCH, Batch

_GZIP, _PARQUET, _ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_rows(path: Path, table: TableSpec) -> Iterator[Batch]:
    """The rows of a file, at least one batch (which may be empty). Raises BadMapping.

    Lines count from 1 and include the header; of a Parquet file they are row numbers.
    """
    with _readable(path, table), path.open("rb") as raw:
        start = raw.peek(1024)[:1024]
        if path.suffix == ".parquet" or start.startswith(_PARQUET):
            for names, rows, first in read_parquet(path, BATCH):
                yield Batch(names, rows, range(first, first + len(rows)))
            return
        with _text(raw, start, path, table) as stream:
            yield from csv_batches(stream, path.name, table)


def _text(raw: io.BufferedReader, start: bytes, path: Path, table: TableSpec) -> io.TextIOWrapper:
    stream: gzip.GzipFile | None = None
    if start.startswith(_GZIP):
        stream = gzip.GzipFile(fileobj=raw)
        start = stream.peek(1024)[:1024]
    elif path.suffix == ".gz":
        raise _bad(path, "not-gzip", "it is named .gz and is not gzip", "Name it as what it is.")
    _refuse_binary(start, path, table)
    encoding = "utf-8-sig" if table.encoding.lower() in ("utf-8", "utf8") else table.encoding
    return io.TextIOWrapper(stream or raw, encoding=encoding, newline="")


def _refuse_binary(start: bytes, path: Path, table: TableSpec) -> None:
    wide = table.encoding.lower().startswith(("utf-16", "utf-32", "utf16", "utf32"))
    if not start:
        raise _bad(path, "empty-file", "the file is empty", "Export it again.")
    if start.startswith(_ZIP):
        raise _bad(path, "binary-file", "it is a workbook or a zip file", "Save it as CSV.")
    if start.startswith(_UTF16) and not wide:
        raise _bad(path, "encoding", "it looks like UTF-16", "Set encoding: utf-16.")
    if b"\0" in start and not wide:
        raise _bad(path, "binary-file", "it is binary", "Give a CSV, gzip or Parquet file.")


@contextmanager
def _readable(path: Path, table: TableSpec) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, zlib.error, EOFError) as bad:
        raise _bad(
            path, "gzip-damaged", "the gzip is damaged or cut off", "Copy it again."
        ) from bad
    except UnicodeDecodeError as bad:
        raise BadMapping(
            f"byte 0x{bad.object[bad.start]:02x} is not {table.encoding}",
            rule="encoding",
            where=path.name + _line_of(path, table.encoding),
            todo="Set the table's encoding, such as cp1252 or latin-1.",
        ) from bad
    except UnicodeError as bad:
        raise _bad(path, "encoding", str(bad), "Set the table's encoding.") from bad
    except csv.Error as bad:
        raise _bad(path, "csv-header", str(bad), "Mend the header line.") from bad
    except OSError as bad:
        what = f"it cannot be read: {bad.strerror or type(bad).__name__}"
        raise _bad(path, "unreadable-file", what, "Check its name and its permissions.") from bad


def _line_of(path: Path, encoding: str) -> str:
    """The line that cannot be decoded, for encodings that hold ASCII as it is."""
    if not path.is_file():
        return ""
    with path.open("rb") as raw:
        packed = raw.peek(2).startswith(_GZIP)
        for number, line in enumerate(gzip.GzipFile(fileobj=raw) if packed else raw, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                return f", line {number}"
    return ""


def _bad(path: Path, rule: str, what: str, todo: str) -> BadMapping:
    return BadMapping(what, rule=rule, where=path.name, todo=todo)
