"""Rows of one sheet of a workbook (.xlsx), each cell as the text that a CSV would have."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from domain.errors import BadInput, BadMapping
from signals.files.file_format import FileFormat
from signals.files.row_batches import BATCH, RowBatch
from signals.files.xlsx_limits import check_workbook


def read_workbook(path: Path, file_format: FileFormat) -> Iterator[RowBatch]:
    """Batches of rows, at least one. Lines are the sheet's row numbers; empty rows are left out.

    Whole numbers have no point, dates and times are ISO text without a zone. Of merged cells the
    first holds the value. Raises BadInput for a workbook that cannot be read, and BadMapping where
    it is not clear which sheet is meant.
    """
    check_workbook(path)
    numbered = (
        (n, row) for n, row in _rows(path, file_format) if n > file_format.skip_lines and any(row)
    )
    header: Sequence[str] = file_format.columns or next(numbered, (0, []))[1]
    names = tuple(name.strip() for name in header)
    while names and not names[-1]:
        names = names[:-1]
    while True:
        rows = list(islice(numbered, BATCH))
        yield _batch(names, rows)
        if not rows:
            return


def visible_sheets(path: Path) -> tuple[str, ...]:
    """The names of a workbook's sheets that are not hidden. Raises BadInput."""
    from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

    check_workbook(path)
    try:
        with CalamineWorkbook.from_path(path) as book:
            sheets = book.sheets_metadata
            return tuple(m.name for m in sheets if m.visible == SheetVisibleEnum.Visible)
    except CalamineError as bad:
        raise _damaged(path) from bad


def sheet_rows(path: Path, file_format: FileFormat) -> Iterator[tuple[int, list[str]]]:
    """The rows of a sheet as they stand, each with its number. Raises BadInput."""
    check_workbook(path)
    return _rows(path, file_format)


def _batch(names: tuple[str, ...], numbered: list[tuple[int, list[str]]]) -> RowBatch:
    from signals.files.csv_reader import Header

    header = Header(names)
    rows, lines, broken = [], [], []
    for line, row in numbered:
        whole = [*row, *[""] * (len(names) - len(row))]
        fitted = header.fitted(whole)
        if fitted is None:
            broken.append(header.misfit(line, row, "\t".join(row)))
        else:
            rows.append(fitted)
            lines.append(line)
    return RowBatch(names, rows, lines, broken)


def _rows(path: Path, file_format: FileFormat) -> Iterator[tuple[int, list[str]]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with CalamineWorkbook.from_path(path) as book:
            sheet = book.get_sheet_by_name(_chosen(book, path, file_format))
            begin = (sheet.start or (0, 0))[0]
            rows = sheet.to_python(skip_empty_area=True)
    except CalamineError as bad:
        raise _damaged(path) from bad
    except BaseException as bad:
        if type(bad).__name__ == "PanicException":  # the library's own fault on damaged content
            raise _damaged(path) from bad
        raise
    for number, row in enumerate(rows, begin + 1):
        yield number, [_text(cell, file_format.decimal or ".") for cell in row]


def _chosen(book: Any, path: Path, file_format: FileFormat) -> str:
    """The sheet that the mapping names, or the only one that is not hidden."""
    from python_calamine import SheetVisibleEnum

    names = [m.name for m in book.sheets_metadata if m.visible == SheetVisibleEnum.Visible]
    if file_format.sheet in book.sheet_names:
        return str(file_format.sheet)
    if file_format.sheet is None and len(names) == 1:
        return str(names[0])
    what = (
        f"there is no sheet {file_format.sheet!r}"
        if file_format.sheet
        else f"it has {len(names)} sheets"
    )
    raise BadMapping(
        what,
        rule="sheet",
        where=path.name,
        todo=f"Set the table's sheet to one of {', '.join(map(repr, book.sheet_names))}.",
    )


def _text(cell: object, decimal: str) -> str:
    match cell:
        case str():
            return cell
        case bool():
            return "true" if cell else "false"
        case float() | int():
            return _number(cell).replace(".", decimal)
        case datetime() | date() | time():
            return cell.isoformat()
        case timedelta():
            return _duration(cell)
    return ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{Decimal(repr(value)):f}"


def _duration(value: timedelta) -> str:
    minutes, seconds = divmod(round(value.total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _damaged(path: Path) -> BadInput:
    return BadInput(
        "the workbook is damaged, or locked with a password",
        rule="workbook-damaged",
        where=path.name,
        todo="Save it again, or as CSV.",
    )
