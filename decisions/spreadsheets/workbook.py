"""Sheets as one XLSX workbook, every cell a text: what looks like a number or a formula is none."""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

from decisions.spreadsheets.sheet import MOST_COLUMNS, MOST_ROWS, Sheet, bad_cell, place
from domain.errors import BadInput

MOST_BYTES = 20_000_000
MOST_UNPACKED = 100_000_000
MOST_FILES = 500
_TEXT = "@"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
"""Characters that XML cannot hold, by their number (ECMA-376, ST_Xstring)."""


def written(sheets: Sequence[Sheet]) -> bytes:
    """Sheets as a workbook; its head stays in sight."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    for sheet in sheets:
        page = book.create_sheet(sheet.name)
        page.freeze_panes = "A3"
        for column, width in enumerate(_widths(sheet), 1):
            page.column_dimensions[get_column_letter(column)].width = width
        for at, row in enumerate(sheet.rows, 1):
            cells = []
            for text in row:
                cell = WriteOnlyCell(page)
                if text:
                    cell.value = _xml_text(text)
                    cell.data_type = "s"  # else `=` makes a formula, `#N/A` an error
                cell.number_format = _TEXT
                if at <= 2:
                    cell.font = Font(bold=True)
                cells.append(cell)
            page.append(cells)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _widths(sheet: Sheet) -> list[float]:
    width = max((len(row) for row in sheet.rows), default=0)
    longest = [max((len(r[c]) for r in sheet.rows if c < len(r)), default=0) for c in range(width)]
    return [float(min(max(n + 2, 10), 48)) for n in longest]


def _xml_text(text: str) -> str:
    r"""A text as a workbook holds it.

    >>> _xml_text("a\x07_x0041_"), _plain(_xml_text("a\x07_x0041_"))
    ('a_x0007__x005F_x0041_', 'a\x07_x0041_')
    """
    return _CONTROL.sub(lambda match: f"_x{ord(match[0]):04X}_", text)


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def read(content: bytes) -> list[Sheet]:
    """The sheets of a workbook. Raises BadInput for what is none, or a cell of another kind."""
    from openpyxl import load_workbook

    _refuse_large(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        return [Sheet(page.title, list(_rows(page))) for page in book.worksheets]
    except BadInput:
        raise
    except Exception as bad:  # openpyxl raises what its parsers raise
        raise BadInput(
            "the file is no workbook that can be read",
            rule="policy-workbook",
            todo="Save it as .xlsx.",
        ) from bad


def _refuse_large(content: bytes) -> None:
    try:
        parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except zipfile.BadZipFile as bad:
        raise BadInput(
            "the file is no .xlsx workbook", rule="policy-workbook", todo="Save it as .xlsx."
        ) from bad
    unpacked = sum(part.file_size for part in parts)
    if len(content) > MOST_BYTES or unpacked > MOST_UNPACKED or len(parts) > MOST_FILES:
        raise BadInput("the workbook is too large for a policy's tables", rule="policy-workbook")


def _rows(page: object) -> Iterator[list[str]]:
    """The rows of a sheet without the empty cells at their ends."""
    name = str(getattr(page, "title", ""))
    rows = page.iter_rows(max_row=MOST_ROWS + 1, max_col=MOST_COLUMNS + 1)  # type: ignore[attr-defined]
    for at, row in enumerate(rows, 1):
        texts = [_text(cell, place(name, at, column)) for column, cell in enumerate(row)]
        while texts and not texts[-1]:
            texts.pop()
        yield texts


def _text(cell: object, where: str) -> str:
    """A cell's text: a number as it is written, true and false in small letters."""
    value, kind = getattr(cell, "value", None), getattr(cell, "data_type", "")
    if value is None:
        return ""
    if kind == "f":
        raise bad_cell("the cell holds a formula", where, "Write its value.")
    if kind == "e":
        raise bad_cell("the cell holds an error of the spreadsheet", where, "Write a value.")
    if isinstance(value, datetime | date | time | timedelta):
        raise bad_cell("the cell holds a date", where, "Format the cell as text.")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return _plain(value) if isinstance(value, str) else repr(value)
