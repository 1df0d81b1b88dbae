"""Rows of JSON documents: nested keys are joined by points, and become columns.

A document such as `{"user": {"plan": "pro"}, "n": 1.50}` has the columns `user.plan` and `n`, each
as the text that stands there: a number keeps its digits. A list of records that have a `key`, as
GA4 writes its parameters, becomes a column for each key; any other list is its JSON. A key that a
document has not, or that is null, is an empty cell.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any, NoReturn

from domain.errors import BadMapping
from signals.files.bounded_reading import telling, unpacked
from signals.files.file_format import FileFormat
from signals.files.file_kinds import GZIP, HEAD, marked_encoding
from signals.files.json_documents import documents
from signals.files.row_batches import BATCH, BATCH_CHARACTERS, BrokenRow, RowBatch

DOCUMENT = "(document)"
"""Column of the whole document, its keys sorted, where rows are known by all that they hold."""

DEEPEST = 16
MOST_KEYS = 2_000
"""Keys of one document, nested ones included."""

_BEGIN = re.compile(rb'\s*(?:\{\s*["}]|\[\s*[{\]])')
Cells = dict[str, str]


class _Numeral(str):
    """A number as it was written; its point becomes the mapping's decimal sign."""

    __slots__ = ()


def is_json(path: Path, file_format: FileFormat) -> bool:
    """Whether a file holds JSON documents, by its first bytes, where the format asks for no text.

    Raises BadInput where it cannot be opened.
    """
    if file_format.delimiter or file_format.columns or file_format.skip_lines:
        return False
    with telling(path.name), path.open("rb") as raw:
        head = _stream(raw, path).peek(HEAD)[:HEAD]
    _, mark = marked_encoding(head)
    return bool(_BEGIN.match(head[len(mark) :]))


def json_cells(path: Path, decimal: str = ".") -> Iterator[tuple[int, Cells | BrokenRow]]:
    """Each document with its line, as cells by column, or as what it is instead. Raises BadInput.

    `decimal` is the sign that numbers are to have.
    """
    with telling(path.name), path.open("rb") as raw:
        for line, document in documents(_stream(raw, path), path.name):
            try:
                yield line, _flat(_parsed(document), decimal)
            except (ValueError, RecursionError) as bad:
                detail = "no JSON" if isinstance(bad, json.JSONDecodeError) else str(bad)
                text = document.decode(errors="backslashreplace")
                yield line, BrokenRow(line, "json-row", detail or "nested too deeply", text)


def json_batches(
    path: Path, file_format: FileFormat, wanted: Sequence[str], *, whole: bool
) -> Iterator[RowBatch]:
    """Batches of the wanted columns; at least one. Raises BadInput.

    Raises BadMapping where none of the first documents has any of the wanted columns.
    """
    names = (*wanted, DOCUMENT) if whole else tuple(wanted)
    first = True
    for rows in _parts(json_cells(path, file_format.decimal or ".")):
        cells = [(line, row) for line, row in rows if not isinstance(row, BrokenRow)]
        if first and cells and wanted and not any(set(wanted) & row.keys() for _, row in cells):
            _refuse(path, wanted)
        first = False
        broken = [row for _, row in rows if isinstance(row, BrokenRow)]
        texts = [_row(row, wanted, whole=whole) for _, row in cells]
        yield RowBatch(names, texts, [line for line, _ in cells], broken)
    if first:
        yield RowBatch(names, [], [])


def _stream(raw: BufferedReader, path: Path) -> BufferedReader:
    return unpacked(raw, path.name) if raw.peek(HEAD).startswith(GZIP) else raw


def _refuse(path: Path, wanted: Sequence[str]) -> NoReturn:
    raise BadMapping(
        "no document has any of the mapping's columns",
        rule="absent-column",
        where=path.name,
        todo=f"Nested keys are joined by points. Wanted are {', '.join(map(repr, wanted))}.",
    )


def _parts(
    rows: Iterator[tuple[int, Cells | BrokenRow]],
) -> Iterator[list[tuple[int, Cells | BrokenRow]]]:
    part: list[tuple[int, Cells | BrokenRow]] = []
    size = 0
    for line, row in rows:
        part.append((line, row))
        size += len(row.text) if isinstance(row, BrokenRow) else sum(map(len, row.values()))
        if len(part) == BATCH or size > BATCH_CHARACTERS:
            yield part
            part, size = [], 0
    if part:
        yield part


def _row(cells: Cells, wanted: Sequence[str], *, whole: bool) -> list[str]:
    row = [cells.get(name, "") for name in wanted]
    return [*row, json.dumps(cells, sort_keys=True, ensure_ascii=False)] if whole else row


def _parsed(document: bytes) -> dict[str, Any]:
    value = json.loads(
        document, parse_float=_Numeral, parse_int=_Numeral, parse_constant=_no_number
    )
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 a bad row, as others are
    return value


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def _flat(document: dict[str, Any], decimal: str) -> Cells:
    cells: Cells = {}

    def put(name: str, text: str) -> None:
        if name in cells:
            raise ValueError("two keys have one name, once nested ones are joined by points")
        if len(cells) == MOST_KEYS:
            raise ValueError(f"it has more than {MOST_KEYS:,} keys")
        cells[name] = text

    for name, value in document.items():
        _walk(name.strip(), value, put, decimal, DEEPEST)
    return cells


def _walk(name: str, value: Any, put: Callable[[str, str], None], decimal: str, depth: int) -> None:
    if depth == 0:
        raise ValueError(f"nested deeper than {DEEPEST} keys")
    if isinstance(value, dict):
        for key, inner in value.items():
            _walk(f"{name}.{key.strip()}", inner, put, decimal, depth - 1)
    elif isinstance(value, list) and value and all(map(_is_parameter, value)):
        for item in value:
            _walk(f"{name}.{item['key']}", _single(item.get("value")), put, decimal, depth - 1)
    else:
        put(name, _text(value, decimal))


def _is_parameter(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("key"), str) and "value" in item


def _single(value: Any) -> Any:
    """Of a value that stands under its type's name, such as `{"int_value": 3}`, the value."""
    if isinstance(value, dict) and value and all(key.endswith("_value") for key in value):
        return next((one for one in value.values() if one is not None), None)
    return value


def _text(value: Any, decimal: str) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _Numeral():
            return str(value).replace(".", decimal)
        case str():
            return value
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A list's content with numbers as such, so that they are written without quotes."""
    match value:
        case _Numeral():
            return json.loads(value)
        case list():
            return [_plain(one) for one in value]
        case dict():
            return {key: _plain(one) for key, one in value.items()}
    return value
