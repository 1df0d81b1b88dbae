"""Rows whose cells are separated by runs of blanks and tabs: `delimiter: blanks`."""

import csv
import re
from collections.abc import Iterable, Iterator


class BlankReader:
    """Reads as `csv.reader` does: rows, the number of the line last read, csv.Error for a bad one.

    Blanks at a line's ends part nothing. A cell in quotes may hold blanks, and no line end; a
    quote inside it stands twice.
    """

    def __init__(self, lines: Iterable[str], quote: str) -> None:
        self._lines = iter(lines)
        self._quote = quote
        q = re.escape(quote)
        self._cell = re.compile(rf"[ \t]*(?:{q}((?:[^{q}]|{q}{q})*+){q}|([^ \t{q}]+))(?=[ \t]|$)")
        self.line_num = 0

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        line = next(self._lines).rstrip("\r\n")
        self.line_num += 1
        return self._quoted(line.rstrip(" \t")) if self._quote in line else _cells(line)

    def _quoted(self, line: str) -> list[str]:
        row: list[str] = []
        at = 0
        while at < len(line):
            match = self._cell.match(line, at)
            if match is None:
                raise csv.Error("a quote is not closed in its line, or stands inside a cell")
            quoted = match[1]
            whole = quoted is not None
            row.append(quoted.replace(self._quote * 2, self._quote) if whole else match[2])
            at = match.end()
        return row


def _cells(line: str) -> list[str]:
    return [cell for cell in line.replace("\t", " ").split(" ") if cell]
