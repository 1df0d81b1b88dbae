"""Rows of a Parquet file as text: of its columns, and those in structs, only what is wanted."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from domain.errors import BadMapping
from signals.files.parquet_columns import (
    Steps,
    all_columns,
    column_at,
    mapped_columns,
    no_text,
)
from signals.files.row_batches import BATCH, BrokenRow, RowBatch

MOST_ROWS_PER_BYTE = 1_000
ROWS_FREELY = 1_000_000
"""A file that says it has more rows than this, and so many for each of its bytes, is not read."""

MOST_UNPACKED = 200
UNPACKED_FREELY = 256 << 20
"""A column's part may unpack to so many bytes, or to so many times its size, whichever is more."""

LONGEST_CELL = 1 << 20
"""Characters of a cell; a row with a longer one is handed on as no row."""

_PREFIXED = 128
"""Rows read at a time where texts are kept as differences, so that a short file may be long."""

_BATCH_BYTES = 16 << 20
_OF_DAMAGE = (ValueError, ArithmeticError, LookupError, TypeError, MemoryError)


def read_parquet(
    path: Path, wanted: Sequence[str], decimal: str, *, whole: bool = False
) -> Iterator[RowBatch]:
    """Batches of the wanted columns that the file has, as text; at least one. Rows count from 1.

    `whole`: also of all others that have a text. A cell of theirs that cannot be told is "".
    See `parquet_text` for how values are told; `decimal` is the sign that a mapping's numbers have.
    Raises BadMapping where the file is damaged, or a wanted column's type has no text.
    """
    import duckdb
    import pyarrow as pa

    try:
        yield from _batches(path, wanted, decimal, whole=whole)
    except BadMapping:
        raise
    except (pa.ArrowException, duckdb.Error, OSError, *_OF_DAMAGE) as bad:
        if isinstance(bad, OSError) and bad.errno and not isinstance(bad, pa.ArrowException):
            raise
        raise _damaged(path, bad) from bad


def _batches(path: Path, wanted: Sequence[str], decimal: str, *, whole: bool) -> Iterator[RowBatch]:
    with _opened(path) as file:
        columns = mapped_columns(file, wanted, path)
        if whole:
            columns = all_columns(file, columns)
        paths = [".".join(steps) for steps in columns.values()]
        chunks = _chunks(path, set(paths))
        _check_size(file.metadata.num_rows, chunks, path)
        yield RowBatch(tuple(columns), [], [])
        delta = {c.path for c in chunks if "DELTA" in c.encodings}  # which has no dictionary
        texts = [text for text in _texts(file.schema, paths) if text not in delta]
    if not columns:
        return
    most = _PREFIXED if any("DELTA_BYTE_ARRAY" in c.encodings for c in chunks) else BATCH
    first = 1
    with _opened(path) as file, _opened(path, read_dictionary=texts) as peeked:
        for group in range(file.metadata.num_row_groups):
            size = _rows_at_a_time(peeked, group, columns, most)
            for part in _parts(file, group, paths, size):
                yield _batch(part, columns, first, (path, decimal), wanted)
                first += part.num_rows


def _opened(path: Path, **options: Any) -> Any:
    from pyarrow import parquet

    return parquet.ParquetFile(
        path,
        coerce_int96_timestamp_unit="us",  # of nanoseconds, years beyond 2262 would come out wrong
        page_checksum_verification=True,
        **options,
    )


def _parts(file: Any, group: int, paths: list[str], size: int) -> Iterator[Any]:
    yield from file.iter_batches(size, row_groups=[group], columns=paths, use_threads=False)


def _rows_at_a_time(peeked: Any, group: int, columns: dict[str, Steps], most: int) -> int:
    """Fewer rows where a text is long: one that is stored once may stand in every row."""
    from pyarrow import compute
    from pyarrow.types import is_dictionary

    size, paths = most, [".".join(steps) for steps in columns.values()]
    for part in islice(_parts(peeked, group, paths, 1), 1):
        for column in (column_at(part, steps) for steps in columns.values()):
            if is_dictionary(column.type) and _is_text(column.dictionary.type):
                longest = compute.max(compute.binary_length(column.dictionary)).as_py() or 1
                size = min(size, max(1, _BATCH_BYTES // longest))
    return size


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return any(f(kind) for f in (types.is_string, types.is_binary, types.is_large_string))


def _texts(schema: Any, paths: list[str]) -> list[str]:
    leaves = (schema.column(number) for number in range(len(schema)))
    wanted = set(paths)
    return [x.path for x in leaves if x.path in wanted and x.physical_type == "BYTE_ARRAY"]


class _Chunk(NamedTuple):
    """The footer's description of a column in one group of rows."""

    path: str
    encodings: str
    packed: int
    unpacked: int


def _chunks(path: Path, paths: set[str]) -> list[_Chunk]:
    """The wanted columns' parts. By DuckDB: where a footer is damaged, Arrow ends the process."""
    import duckdb

    query = (
        "SELECT replace(path_in_schema, ', ', '.'), encodings, total_compressed_size, "
        "total_uncompressed_size FROM parquet_metadata(?)"
    )
    with duckdb.connect() as connection:
        rows = connection.execute(query, [_literal(path)]).fetchall()
    chunks = [
        _Chunk(str(p), str(e or ""), int(packed or 0), int(out or 0)) for p, e, packed, out in rows
    ]
    wanted = {path.replace(", ", ".") for path in paths}
    return [chunk for chunk in chunks if chunk.path in wanted]


def _literal(path: Path) -> str:
    """A path that DuckDB takes literally, not as a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", str(path.absolute()))


def _check_size(rows: int, chunks: list[_Chunk], path: Path) -> None:
    many = rows > max(ROWS_FREELY, MOST_ROWS_PER_BYTE * path.stat().st_size)
    if many or any(c.unpacked > max(UNPACKED_FREELY, MOST_UNPACKED * c.packed) for c in chunks):
        raise BadMapping(
            "the file unpacks to far more than its size",
            rule="parquet-bomb",
            where=path.name,
            todo="If that is right, write it again without compression.",
        )


def _batch(
    part: Any,
    columns: dict[str, Steps],
    first: int,
    origin: tuple[Path, str],
    wanted: Sequence[str],
) -> RowBatch:
    from signals.files.arrow_text import NoText, texts_of

    cells, names = [], tuple(columns)
    for name, steps in columns.items():
        column = column_at(part, steps)
        try:
            texts = texts_of(column, origin[1])
        except NoText:
            raise no_text(origin[0], name, str(column.type)) from None
        cells.append(texts if name in wanted else [(t or "")[:LONGEST_CELL] for t in texts])
    rows = list(zip(*cells, strict=True))
    if all(map(_sound, cells)):
        return RowBatch(names, rows, range(first, first + len(rows)))
    bad = {number: _broken(row, names, first + number) for number, row in enumerate(rows)}
    broken = [one for one in bad.values() if one is not None]
    kept = [number for number, one in bad.items() if one is None]
    return RowBatch(names, [rows[n] for n in kept], [first + n for n in kept], broken)


def _sound(column: Sequence[str | None]) -> bool:
    return None not in column and max(map(len, filter(None, column)), default=0) <= LONGEST_CELL


def _broken(row: Sequence[str | None], names: tuple[str, ...], line: int) -> BrokenRow | None:
    """What is wrong with a row; its text is the JSON of the cells that can be kept."""
    for name, cell in zip(names, row, strict=True):
        if cell is not None and len(cell) <= LONGEST_CELL:
            continue
        kept = {n: c[:LONGEST_CELL] for n, c in zip(names, row, strict=True) if c is not None}
        rule, why = _UNREADABLE if cell is None else _TOO_LONG
        return BrokenRow(line, rule, f"column {name}: {why}", msgspec.json.encode(kept).decode())
    return None


_UNREADABLE = ("encoding", "no text: bytes that are not UTF-8, or a moment out of range")
_TOO_LONG = ("cell-length", f"longer than {LONGEST_CELL:,} characters")


def _damaged(path: Path, bad: Exception) -> BadMapping:
    if type(bad).__name__ == "ArrowNotImplementedError":
        what, todo = "a mapped column is kept in a way that is not supported", "Write it again."
        return BadMapping(what, rule="parquet-unsupported", where=path.name, todo=todo)
    return BadMapping(
        "it is not a Parquet file, or it is damaged",
        rule="not-parquet",
        where=path.name,
        todo="Write it again, or name it as what it is.",
    )
