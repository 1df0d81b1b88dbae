"""Rows of CSV text in batches, with the line each began in.

Strict: a stray quote is an error of its row. What is no row is handed on as it stands. Memory is
bounded by a batch: so many rows, or so many characters, and one row more.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Protocol, TextIO

from domain.errors import BadMapping
from signals.files.blank_delimited import BlankReader
from signals.files.bounded_reading import LONGEST_LINE
from signals.files.file_format import FileFormat
from signals.files.row_batches import BATCH, BATCH_CHARACTERS, BrokenRow, RowBatch

_LINE_END = re.compile("\r\n|\r|\n")
_ENDLESS = ("unexpected end of data", "field larger than field limit")
_READ = 1 << 17
_DELIMITERS = {"tab": "\t"}
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)

csv.field_size_limit(LONGEST_LINE)  # of the process: there is no other way to say it


class _Reader(Protocol):
    """What `csv.reader` makes, and `BlankReader` is."""

    @property
    def line_num(self) -> int: ...
    def __iter__(self) -> Iterator[list[str]]: ...
    def __next__(self) -> list[str]: ...


class _Lines:
    """Lines on their way to the parser; those of the batch that is being read are kept."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._ahead: list[str] = []
        self._text: list[str] = []
        self._first = 1
        self.size = 0
        self.with_nul = False

    def peek(self) -> str:
        """The next line, before anything is read."""
        self._ahead = self._ahead or self._stream.readlines(1)
        return self._ahead[0] if self._ahead else ""

    def unmark(self) -> None:
        """Take away a byte order mark that the encoding left."""
        if self.peek().startswith("\ufeff"):
            self._ahead[0] = self._ahead[0][1:]

    def skip(self, count: int) -> None:
        """Leave out lines, before anything is read."""
        for _ in range(count):
            if not self.peek():
                break
            self._first += 1
            del self._ahead[0]

    @property
    def first(self) -> int:
        """The line that is the first of those kept, or the next one."""
        return self._first

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._read())

    def _read(self) -> Iterator[list[str]]:
        while chunk := self._ahead or self._stream.readlines(_READ):
            self._ahead = []
            self._text += chunk
            text = "".join(chunk)
            self.size += len(text)
            self.with_nul = self.with_nul or "\0" in text
            yield chunk

    def forget(self, before: int) -> None:
        """Keep the lines from this one on."""
        del self._text[: before - self._first]
        self._first = before
        self.size = 0
        self.with_nul = self.with_nul and any("\0" in line for line in self._text)

    def text(self, first: int, last: int) -> list[str]:
        """The lines from the first to the last, both included."""
        return self._text[first - self._first : last + 1 - self._first]


class Header:
    """Names of columns, without blanks; unnamed ones at the end need not stand in every row."""

    def __init__(self, cells: Sequence[str]) -> None:
        self.names = tuple(name.strip() for name in cells)
        self.width = len(self.names)
        self._least = max((i for i, name in enumerate(self.names, 1) if name), default=self.width)

    def fitted(self, row: list[str]) -> list[str] | None:
        """The row with as many cells as there are names, where only empty ones are too many."""
        if len(row) > self.width and not any(row[self.width :]):
            return row[: self.width]
        if self._least <= len(row) < self.width:
            return row + [""] * (self.width - len(row))
        return row if len(row) == self.width else None

    def misfit(self, line: int, row: Sequence[str], text: str) -> BrokenRow:
        """A row that does not fit, with the text that it stood in."""
        return BrokenRow(line, "row-width", f"{len(row)} fields, the header has {self.width}", text)


def csv_batches(stream: TextIO, where: str, file_format: FileFormat) -> Iterator[RowBatch]:
    """Batches of rows, at least one. Raises BadMapping where a quote is never closed.

    `stream` is to be opened with newline="". Raises csv.Error where the header is no row.
    """
    lines = _Lines(stream)
    lines.unmark()
    delimiter = _delimiter(lines, where, file_format)
    lines.skip(file_format.skip_lines)
    above = lines.first - 1
    reader = _reader(lines, delimiter, file_format)
    header = Header(file_format.columns or _first_row(reader, lines, above))
    while True:
        first = above + reader.line_num + 1
        lines.forget(first)
        rows, failed = _rows(reader, lines)
        batch = _batch(header, rows, lines, first, above + reader.line_num)
        if failed is not None:
            begun = first + sum(map(_height, rows))
            broken = _syntax(failed, begun, lines.text(begun, above + reader.line_num), where)
            batch = RowBatch(header.names, batch.rows, batch.lines, [*batch.broken, broken])
        yield batch
        if not rows and failed is None:
            return


def delimiter_of(stream: TextIO, where: str, file_format: FileFormat) -> str:
    """The delimiter, by `FileFormat.delimiter` or a first line `sep=;`. Raises BadMapping."""
    lines = _Lines(stream)
    lines.unmark()
    return _delimiter(lines, where, file_format)


def _first_row(reader: _Reader, lines: _Lines, above: int) -> list[str]:
    for row in reader:
        if row:
            return row
        if lines.size > _READ:
            lines.forget(above + reader.line_num + 1)
    return []


def _reader(lines: _Lines, delimiter: str, file_format: FileFormat) -> _Reader:
    if delimiter == "blanks":
        return BlankReader(lines, file_format.quote)
    delimiter = _DELIMITERS.get(delimiter, delimiter)
    return csv.reader(lines, delimiter=delimiter, quotechar=file_format.quote, strict=True)


def _delimiter(lines: _Lines, where: str, file_format: FileFormat) -> str:
    """The mapping's delimiter, or that of a first line such as `sep=;`, which is left out."""
    separator = _SEPARATOR_LINE.fullmatch(lines.peek())
    if separator is None:
        return file_format.delimiter or ","
    if file_format.skip_lines:
        return file_format.delimiter or separator[1]
    delimiter = _DELIMITERS.get(file_format.delimiter or "", file_format.delimiter)
    if delimiter and delimiter != separator[1]:
        raise BadMapping(
            f"the file begins with sep={separator[1]}, the mapping's delimiter is {delimiter!r}",
            rule="delimiter",
            where=where,
            todo="Leave the delimiter out of the mapping, or set it to what is right and "
            "skip_lines: 1.",
        )
    lines.skip(1)
    return separator[1]


def _rows(reader: _Reader, lines: _Lines) -> tuple[list[list[str]], csv.Error | None]:
    """The next rows, and the error that ended them."""
    rows: list[list[str]] = []
    try:
        for row in islice(reader, BATCH):
            rows.append(row)  # what came before an error is kept
            if lines.size > BATCH_CHARACTERS:
                break
    except csv.Error as bad:
        return rows, bad
    return rows, None


def _batch(header: Header, rows: list[list[str]], lines: _Lines, first: int, last: int) -> RowBatch:
    names, width = header.names, header.width
    whole = last + 1 - first == len(rows) and all(map(width.__eq__, map(len, rows)))
    if whole and not lines.with_nul:
        return RowBatch(names, rows, range(first, first + len(rows)))
    good: list[list[str]] = []
    at: list[int] = []
    broken: list[BrokenRow] = []
    for row in rows:
        after = first + _height(row)
        fitted = header.fitted(row)
        nul = lines.with_nul and "\0" in "".join(row)
        if row and (nul or fitted is None):
            text = "".join(lines.text(first, after - 1))
            broken.append(_nul(first, text) if nul else header.misfit(first, row, text))
        elif row and fitted is not None:
            good.append(fitted)
            at.append(first)
        first = after
    return RowBatch(names, good, at, broken)


def _nul(line: int, text: str) -> BrokenRow:
    return BrokenRow(line, "nul-character", "a NUL character stands in the row", text)


def _height(row: list[str]) -> int:
    """How many lines a row took: one, and one for each line end inside its cells."""
    return 1 + sum(len(_LINE_END.findall(c)) for c in row if "\n" in c or "\r" in c)


def _syntax(bad: csv.Error, line: int, text: list[str], where: str) -> BrokenRow:
    if len(text) > 1 and str(bad).startswith(_ENDLESS):
        raise BadMapping(
            f"a quote that opens here is not closed within {LONGEST_LINE >> 20} MiB",
            rule="csv-quote",
            where=f"{where}, line {line}",
            todo="Close it, or set another quote in the mapping.",
        ) from bad
    return BrokenRow(line, "csv-syntax", str(bad), "".join(text))
