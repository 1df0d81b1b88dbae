"""Files of answers in the form that their names say: Parquet, CSV or lines of JSON."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from domain.errors import BadInput, Missing

Tables = Iterable[pa.Table]


def check_out(out: Path) -> None:
    """Raise BadInput or Missing, before any work, for a file that could not be written."""
    if out.suffix.lower() not in _WRITERS:
        raise BadInput(
            f"a file named {out.suffix or 'without an ending'} cannot be written",
            rule="score-out",
            where=out.name,
            todo=f"Name it {', '.join(_WRITERS)}.",
        )
    if out.is_dir() or not out.parent.is_dir():
        what = "it is a folder" if out.is_dir() else "its folder is not there"
        raise Missing(what, rule="score-out", where=str(out), todo="Give the path of a file.")


def write_tables(tables: Tables, schema: pa.Schema, out: Path) -> None:
    """Write tables of one schema below each other; the file appears when all are in it."""
    partial = out.with_name(out.name + ".partial")
    _WRITERS[out.suffix.lower()](tables, schema, partial)
    partial.replace(out)


def _parquet(tables: Tables, schema: pa.Schema, path: Path) -> None:
    with pq.ParquetWriter(path, schema) as writer:
        for table in tables:
            writer.write_table(table)


def _csv(tables: Tables, schema: pa.Schema, path: Path) -> None:
    """UTF-8, commas, a header line; lists as JSON, nothing for what is absent."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(schema.names)
        for table in tables:
            for row in table.to_pylist():
                writer.writerow(map(_cell, row.values()))


def _cell(value: object) -> object:
    return msgspec.json.encode(value).decode() if isinstance(value, list | bool) else value


def _jsonl(tables: Tables, _: pa.Schema, path: Path) -> None:
    with path.open("wb") as stream:
        for table in tables:
            stream.writelines(msgspec.json.encode(row) + b"\n" for row in table.to_pylist())


_WRITERS: dict[str, Callable[[Tables, pa.Schema, Path], None]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _jsonl,
}
