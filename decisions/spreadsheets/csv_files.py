"""Sheets as CSV files: one a sheet, UTF-8, comma, quotes where they are needed (RFC 4180).

A text that a spreadsheet program would take for a formula gets an apostrophe before it, which is
taken away again: opening a policy runs nothing.
"""

import csv
import io
import re

from decisions.spreadsheets.sheet import LONGEST_CELL, Sheet, bad_cell, place

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"'*[+-]?\d+(\.\d+)?")
MOST_BYTES = 20_000_000


def written(sheet: Sheet) -> bytes:
    """A sheet as a file. Its mark of UTF-8 is for spreadsheet programs, which else guess."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    for row in sheet.rows:
        writer.writerow([_guarded(text) for text in row])
    return stream.getvalue().encode("utf-8-sig", "surrogatepass")


def read(content: bytes, name: str) -> Sheet:
    """A file as a sheet; a semicolon or a tab may stand for the comma. Raises BadInput."""
    if len(content) > MOST_BYTES:
        raise bad_cell(f"the file has more than {MOST_BYTES:,} bytes", f"sheet {name!r}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        raise bad_cell("the file is not UTF-8", f"sheet {name!r}", "Save it as CSV UTF-8.") from bad
    csv.field_size_limit(LONGEST_CELL * 2)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    rows: list[list[str]] = []
    try:
        rows += ([_bare(cell) for cell in row] for row in reader)
    except csv.Error as bad:
        raise bad_cell(f"the row cannot be read: {bad}", place(name, len(rows) + 1)) from bad
    return Sheet(name, rows)


def _delimiter(text: str) -> str:
    """What parts the cells of the first line: programs of some countries write a semicolon."""
    line = re.sub(r'"[^"]*"', "", text.partition("\n")[0])
    return max(",;\t", key=line.count)


def _risky(text: str) -> bool:
    return bool(_FORMULA.match(text)) and not _NUMBER.fullmatch(text)


def _guarded(text: str) -> str:
    return f"'{text}" if _risky(text) else text


def _bare(text: str) -> str:
    """A text without the apostrophe that stands before a formula.

    >>> [_bare(_guarded(text)) for text in ("=1+1", "'=x'", "'A'", "-5", ">= 3")]
    ['=1+1', "'=x'", "'A'", '-5', '>= 3']
    """
    return text[1:] if text.startswith("'") and _risky(text) else text
