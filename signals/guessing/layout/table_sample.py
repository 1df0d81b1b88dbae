"""A sample of a file's rows by column: at most so many, drawn evenly from those that are read."""

import random
from collections import Counter
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from signals.files.file_format import FileFormat
from signals.files.file_kinds import is_parquet
from signals.files.json_rows import Cells, is_json, json_cells
from signals.files.parquet_columns import unread_columns
from signals.files.readers import read_rows
from signals.files.row_batches import BrokenRow

MOST_READ = 1_000_000
"""Rows of a file that are read for a sample."""

MOST_CELLS = 1_000_000
KEPT = 20_000
"""Rows of a sample, or fewer, where they have many cells."""

LONGEST = 1_000
"""Characters of a cell that are kept."""

MOST_COLUMNS = 2_000
FURTHER = {f"all after the first {MOST_COLUMNS:,}": "more columns than are looked at"}
TWICE = "its name stands twice"
_SEED = 0
R = TypeVar("R", bound=Sized)


@dataclass(frozen=True)
class TableSample:
    """Rows of a file in their order. `rows` were read and `broken` of them are no rows.

    `columns` holds each column's cells, without blanks around them. Columns without a name are left
    out; so are those of `unusable`, which says why: names that stand twice, lists, too many.
    `fault` says why the first of the broken rows is none.
    """

    path: Path
    file_format: FileFormat
    columns: dict[str, list[str]]
    unusable: dict[str, str]
    rows: int
    broken: int
    whole: bool
    fault: str

    @property
    def names(self) -> tuple[str, ...]:
        """The usable columns, in the file's order."""
        return tuple(self.columns)

    @cached_property
    def size(self) -> int:
        """Rows of the sample."""
        return len(next(iter(self.columns.values()), ()))

    def distinct(self, column: str) -> list[str]:
        """A column's distinct cells, in the order in which they stand."""
        if column not in self._distinct:
            self._distinct[column] = list(dict.fromkeys(self.columns[column]))
        return self._distinct[column]

    @cached_property
    def _distinct(self) -> dict[str, list[str]]:
        return {}

    @cached_property
    def every(self) -> bool:
        """Whether the sample is all of the file."""
        return self.whole and self.size == self.rows - self.broken


def read_sample(path: Path, file_format: FileFormat) -> TableSample:
    """The sample of a file. Raises BadInput where it cannot be read."""
    if is_json(path, file_format):
        return _of_documents(path, file_format)
    return _of_table(path, file_format)


class _Reservoir(Generic[R]):
    """Keeps rows so that each of those that came is kept with equal chance (Vitter's R)."""

    def __init__(self) -> None:
        self._draw = random.Random(_SEED)  # noqa: S311 a sample, no secret
        self._rows: list[tuple[int, R]] = []
        self.count = 0

    def add(self, row: R) -> None:
        place = self.count
        self.count += 1
        most = max(1, min(KEPT, MOST_CELLS // max(len(row), 1)))
        if len(self._rows) < most:
            self._rows.append((place, row))
        elif (at := self._draw.randrange(self.count)) < len(self._rows):
            self._rows[at] = (place, row)

    def rows(self) -> list[R]:
        """The rows that are kept, in the order in which they came."""
        return [row for _, row in sorted(self._rows, key=lambda one: one[0])]


def _of_table(path: Path, file_format: FileFormat) -> TableSample:
    reservoir, broken, whole = _Reservoir[Sequence[str]](), 0, True
    names: tuple[str, ...] = ()
    fault = ""
    for batch in read_rows(path, file_format, (), whole=True):
        names = names or batch.names
        broken += len(batch.broken)
        fault = fault or next((row.detail for row in batch.broken), "")
        for row in batch.rows:
            reservoir.add(row)
        if reservoir.count + broken >= MOST_READ:
            whole = False
            break
    counts = Counter(names)
    usable = [k for k, name in enumerate(names) if name and counts[name] == 1]
    rows = reservoir.rows()
    columns = {names[k]: [row[k].strip()[:LONGEST] for row in rows] for k in usable[:MOST_COLUMNS]}
    unusable = {name: TWICE for name, count in counts.items() if name and count > 1}
    unusable |= unread_columns(path) if is_parquet(path) else {}
    unusable |= FURTHER if len(usable) > MOST_COLUMNS else {}
    total = reservoir.count + broken
    return TableSample(path, file_format, columns, unusable, total, broken, whole, fault)


def _of_documents(path: Path, file_format: FileFormat) -> TableSample:
    reservoir, broken, whole = _Reservoir[Cells](), 0, True
    names: dict[str, None] = {}
    fault = ""
    for _, row in json_cells(path):
        if isinstance(row, BrokenRow):
            broken += 1
            fault = fault or row.detail
            continue
        if len(names) <= MOST_COLUMNS:
            names.update(dict.fromkeys(row))
        reservoir.add(row)
        if reservoir.count + broken >= MOST_READ:
            whole = False
            break
    rows = reservoir.rows()
    named = [name for name in names if name]
    columns = {n: [row.get(n, "").strip()[:LONGEST] for row in rows] for n in named[:MOST_COLUMNS]}
    unusable = FURTHER if len(named) > MOST_COLUMNS else {}
    total = reservoir.count + broken
    return TableSample(path, file_format, columns, dict(unusable), total, broken, whole, fault)
