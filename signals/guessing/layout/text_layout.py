"""How the cells of a text or of a sheet stand: delimiter, quote, titles above, header or none."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

DELIMITERS = (",", ";", "\t", "|", "^", "~")
LOOKED_AT = 200
"""First rows that are looked at."""

MOST_TITLES = 20
_NUMBER = re.compile(r"[-+(]?[$€£]?\s*\d[\d.,' ]*%?\)?")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)

Row = Sequence[str]


class TextLayout(NamedTuple):
    """How text is read. `delimiter` is "" where the first line says it, or one column stands."""

    delimiter: str
    quote: str
    skip_lines: int
    has_header: bool
    width: int


def text_layout(lines: Sequence[str]) -> TextLayout:
    """The layout of a text that begins with these lines, their ends included."""
    first = lines[0].removeprefix("\ufeff") if lines else ""
    if (separator := _SEPARATOR_LINE.fullmatch(first)) is not None:
        rows, _ = _parsed(lines[1:], separator[1], '"')
        return TextLayout("", '"', 0, has_header(rows), _width(rows))
    candidates = []
    for quote in ('"', "'") if _quotes_by_apostrophe(lines) else ('"',):
        for delimiter in DELIMITERS:
            rows, ends = _parsed(lines, delimiter, quote)
            width = _width(rows)
            if width > 1:
                fitting = sum(len(row) == width for row in rows) / len(rows)
                top = header_place(rows, width)
                score = (round(min(fitting, 0.95), 1), top == 0, quote == "'", width)
                candidates.append((score, delimiter, quote, ends[top], rows[top:]))
    if not candidates:
        rows = [[line.strip()] for line in lines if line.strip()]
        return TextLayout("", '"', 0, has_header(rows), 1)
    _, delimiter, quote, skip, rows = max(candidates, key=lambda one: one[0])
    width = _width(rows)
    return TextLayout(delimiter, quote, skip, has_header(rows), width)


def header_place(rows: Sequence[Row], width: int) -> int:
    """The row of the header: the first as wide as most are; 0 where titles would be too many."""
    for place, row in enumerate(rows[: MOST_TITLES + 1]):
        if len(row) == width and sum(bool(cell.strip()) for cell in row) > width / 2:
            return place
    return 0


def has_header(rows: Sequence[Row]) -> bool:
    """Whether the first row names columns: it does not where it is like those below it.

    Of the columns that hold numbers, dates or addresses all the way down, most then begin so.
    """
    if len(rows) < 2:
        return True
    like = [
        bool(_kind(first)) and _kind(first) == kind
        for column, first in enumerate(rows[0])
        if (kind := _common([row[column] for row in rows[1:] if column < len(row)]))
    ]
    return not like or sum(like) * 2 < len(like)


def _common(cells: Sequence[str]) -> str:
    kinds = {_kind(cell) for cell in cells if cell.strip()}
    return next(iter(kinds)) if len(kinds) == 1 else ""


def _kind(cell: str) -> str:
    text = cell.strip()
    patterns = (("date", _DATE), ("number", _NUMBER), ("address", _EMAIL))
    return next((name for name, pattern in patterns if pattern.fullmatch(text)), "")


def _parsed(lines: Sequence[str], delimiter: str, quote: str) -> tuple[list[list[str]], list[int]]:
    """Rows that are not empty, and how many lines stand above each."""
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote)
    rows, above, before = [], [], 0
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                above.append(before if rows[:-1] else 0)
            before = reader.line_num
            if len(rows) == LOOKED_AT:
                break
    except csv.Error:
        pass
    return rows, above


def _width(rows: Sequence[Row]) -> int:
    counts = Counter(len(row) for row in rows)
    return max(counts, key=lambda width: (counts[width], width)) if counts else 0


def _quotes_by_apostrophe(lines: Sequence[str]) -> bool:
    """Whether most lines have a cell that an apostrophe opens."""
    openers = re.compile(r"(?:^|[,;\t|^~])'")
    return sum(bool(openers.search(line)) for line in lines) * 2 > len(lines)
