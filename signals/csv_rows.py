"""Rows of CSV text in batches, with the line each began in.

Strict: a stray quote is an error of its row. What is no row is handed on as it stands.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from domain.errors import BadMapping
from signals.mapping_format import TableSpec
from signals.row_batches import BATCH, Batch, Broken

_LINE_END = re.compile("\r\n|\r|\n")
_ENDLESS = ("unexpected end of data", "field larger than field limit")


class _Lines:
    """Lines on their way to the parser; those of the batch that is being read are kept."""

    def __init__(self, stream: Iterable[str]) -> None:
        self._chunks = iter(stream)
        self._held: list[str] = []
        self._first = 1

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._read())

    def _read(self) -> Iterator[list[str]]:
        while chunk := list(islice(self._chunks, BATCH)):
            self._held += chunk
            yield chunk

    def forget(self, before: int) -> None:
        """Keep the lines from this one on."""
        del self._held[: before - self._first]
        self._first = before

    def text(self, first: int, last: int) -> list[str]:
        """The lines from the first to the last, both included."""
        return self._held[first - self._first : last + 1 - self._first]


def csv_batches(stream: Iterable[str], where: str, table: TableSpec) -> Iterator[Batch]:
    """Batches of rows, at least one. Raises BadMapping where a quote is never closed.

    Raises csv.Error where the header is no row.
    """
    lines = _Lines(stream)
    reader = csv.reader(lines, delimiter=table.delimiter, quotechar=table.quote, strict=True)
    header: Sequence[str] = table.columns if table.columns else next(reader, [])
    names = tuple(name.strip() for name in header)
    while True:
        first = reader.line_num + 1
        lines.forget(first)
        rows: list[list[str]] = []
        failed: csv.Error | None = None
        try:
            rows.extend(islice(reader, BATCH))  # keeps the rows that came before an error
        except csv.Error as bad:
            failed = bad
        found = _batch(names, rows, lines, first, reader.line_num)
        if failed is not None:
            begun = first + sum(map(_height, rows))
            broken = _syntax(failed, begun, lines.text(begun, reader.line_num), where)
            found = Batch(names, found.rows, found.lines, [*found.broken, broken])
        yield found
        if not rows and failed is None:
            return


def _batch(
    names: tuple[str, ...], rows: list[list[str]], lines: _Lines, first: int, last: int
) -> Batch:
    width = len(names)
    if last + 1 - first == len(rows) and all(map(width.__eq__, map(len, rows))):
        return Batch(names, rows, range(first, first + len(rows)))
    good: list[list[str]] = []
    at: list[int] = []
    broken: list[Broken] = []
    for row in rows:
        after = first + _height(row)
        if len(row) == width:
            good.append(row)
            at.append(first)
        elif row:
            detail = f"{len(row)} fields, the header has {width}"
            text = "".join(lines.text(first, after - 1))
            broken.append(Broken(first, "row-width", detail, text))
        first = after
    return Batch(names, good, at, broken)


def _height(row: list[str]) -> int:
    """How many lines a row took: one, and one for each line end inside its cells."""
    return 1 + sum(len(_LINE_END.findall(c)) for c in row if "\n" in c or "\r" in c)


def _syntax(bad: csv.Error, line: int, text: list[str], where: str) -> Broken:
    if len(text) > 1 and str(bad).startswith(_ENDLESS):
        raise BadMapping(
            "a quote that opens here is never closed",
            rule="csv-quote",
            where=f"{where}, line {line}",
            todo="Close it, or set another quote in the mapping.",
        ) from bad
    return Broken(line, "csv-syntax", str(bad), "".join(text))
