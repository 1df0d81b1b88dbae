"""Sheets: rows of texts with a name, and the place of a cell in words."""

from collections.abc import Sequence
from typing import NamedTuple

from domain.errors import BadInput

MOST_ROWS = 10_000
MOST_COLUMNS = 200
LONGEST_CELL = 20_000
"""Characters of a cell: as many as an expression may have."""


class Sheet(NamedTuple):
    """A sheet: its name, and its rows of texts; "" is an empty cell."""

    name: str
    rows: Sequence[Sequence[str]]


def letter(column: int) -> str:
    """What spreadsheets call a column, counted from 0.

    >>> letter(0), letter(25), letter(26), letter(701), letter(702)
    ('A', 'Z', 'AA', 'ZZ', 'AAA')
    """
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def place(sheet: str, row: int, column: int | None = None, title: str = "") -> str:
    """Where a cell stands: rows are counted from 1, columns from 0.

    >>> place("routing", 5, 2, "Employees")
    "sheet 'routing', row 5, column C (Employees)"
    """
    begin = f"sheet {sheet!r}, row {row}"
    if column is None:
        return begin
    return f"{begin}, column {letter(column)}" + (f" ({title})" if title else "")


def bad_cell(what: str, where: str, todo: str = "") -> BadInput:
    """An error about one cell."""
    return BadInput(what, rule="policy-cell", where=where, todo=todo)


def bounded(sheet: Sheet) -> Sheet:
    """The sheet. Raises BadInput where it is larger than a table may be."""
    if len(sheet.rows) > MOST_ROWS:
        raise bad_cell(f"there are more than {MOST_ROWS:,} rows", place(sheet.name, MOST_ROWS + 1))
    for at, row in enumerate(sheet.rows, 1):
        if len(row) > MOST_COLUMNS:
            raise bad_cell(f"there are more than {MOST_COLUMNS} columns", place(sheet.name, at))
        for column, text in enumerate(row):
            if len(text) > LONGEST_CELL:
                raise bad_cell(
                    f"the cell has more than {LONGEST_CELL:,} characters",
                    place(sheet.name, at, column),
                )
    return sheet
