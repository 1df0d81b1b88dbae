"""Whether a file has the columns that a mapping names.

No message holds a name of the file's own: where the header line is absent, they are a row's cells.
"""

import csv
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from domain.errors import BadInput, BadMapping
from signals.files.bounded_reading import telling
from signals.files.file_format import FileFormat
from signals.files.file_kinds import PARQUET, ZIP
from signals.files.text_streams import opened_text

LOOKED_AT = 20
"""First lines of a file in which the header is looked for."""

_DELIMITERS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}


def check_columns(
    wanted: Sequence[str], names: Sequence[str], path: Path, file_format: FileFormat
) -> None:
    """Raise BadMapping, with what to do, unless each wanted column is there exactly once."""
    twice = next((column for column in wanted if names.count(column) > 1), None)
    if twice is not None:
        raise BadMapping(
            f"column {twice!r} is there twice",
            rule="absent-column",
            where=path.name,
            todo="Give each column its own name.",
        )
    absent = [column for column in wanted if column not in names]
    if not absent:
        return
    listed = ", ".join(map(repr, wanted))
    raise BadMapping(
        f"there is no column {absent[0]!r}",
        rule="absent-column",
        where=path.name,
        todo=f"{_hint(absent[0], wanted, names, path, file_format)} Wanted are {listed}.",
    )


def _hint(
    absent: str, wanted: Sequence[str], names: Sequence[str], path: Path, file_format: FileFormat
) -> str:
    if elsewhere := _elsewhere(wanted, path, file_format):
        return elsewhere
    if close := get_close_matches(absent, names, 1, 0.6):
        return f"The name of column {names.index(close[0]) + 1} is close to it."
    if len(names) == 1:
        return "The file has one column: is the delimiter right?"
    return f"The file has {len(names)} columns; `columns` names those of one without a header line."


def _elsewhere(wanted: Sequence[str], path: Path, file_format: FileFormat) -> str:
    """Where the wanted columns stand, and the setting by which they are found there."""
    if file_format.columns:
        return ""
    for number, line in enumerate(_first_lines(path, file_format), 1):
        for delimiter, name in _DELIMITERS.items():
            row = next(csv.reader([line], delimiter=delimiter, quotechar=file_format.quote), [])
            if {cell.strip() for cell in row} >= set(wanted) and len(row) > 1:
                settings = (
                    [f"skip_lines: {number - 1}"] if number - 1 != file_format.skip_lines else []
                )
                if delimiter != (file_format.delimiter or ","):
                    settings.append(f"delimiter: {name}")
                if settings:
                    return f"They stand in line {number}: set {' and '.join(settings)}."
    return ""


def _first_lines(path: Path, file_format: FileFormat) -> list[str]:
    try:
        with telling(path.name), path.open("rb") as raw:
            if raw.peek(4).startswith((PARQUET, ZIP)):
                return []
            with opened_text(raw, path, file_format) as stream:
                return list(islice(stream, LOOKED_AT))
    except (BadInput, UnicodeError):
        return []
