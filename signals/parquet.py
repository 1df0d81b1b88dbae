"""Rows of a Parquet file as text, so that one mapping serves CSV and Parquet."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from domain.errors import BadMapping

Rows = list[tuple[str, ...]]


def read_parquet(path: Path, batch: int) -> Iterator[tuple[tuple[str, ...], Rows, int]]:
    """Column names, rows as text and the number of the first row, at least once.

    A null and a NaN come out as "", a moment as ISO text, a nested value as JSON. Raises
    BadMapping where the file is not Parquet.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = tuple(str(name).strip() for name in file.schema_arrow.names)
            first = 1
            yield names, [], first
            for part in file.iter_batches(batch):
                rows = list(zip(*map(_texts, part.columns), strict=True))
                yield names, rows, first
                first += len(rows)
    except pa.ArrowInvalid as bad:
        raise BadMapping(
            "it is not a Parquet file, or it is damaged",
            rule="not-parquet",
            where=path.name,
            todo="Write it again, or name it as what it is.",
        ) from bad


def _texts(column: Any) -> Sequence[str]:
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_floating(column.type):
        column = compute.if_else(compute.is_nan(column), None, column)
    nested = pa.types.is_nested(column.type) or pa.types.is_binary(column.type)
    if nested:
        return ["" if v is None else msgspec.json.encode(v).decode() for v in column.to_pylist()]
    return [v or "" for v in column.cast(pa.string()).to_pylist()]
