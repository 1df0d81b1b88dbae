"""A file's format: what its reader must know, guessed from its first bytes and lines."""

import io
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec.structs import replace

from domain.errors import BadInput
from signals.files.bounded_reading import telling, unpacked
from signals.files.file_format import FileFormat
from signals.files.file_kinds import GZIP, HEAD, PARQUET, ZIP, refuse_unread
from signals.files.json_rows import is_json
from signals.files.text_streams import opened_text
from signals.files.xlsx_reader import sheet_rows, visible_sheets
from signals.guessing.layout.text_encoding import guess_encoding
from signals.guessing.layout.text_layout import LOOKED_AT, has_header, header_place, text_layout
from signals.guessing.questions import Notes, OpenQuestion

READ_FOR_ENCODING = 64 << 20
"""Bytes of a file that are read to tell its encoding."""

Kind = Literal["text", "json", "parquet", "workbook"]


class FileLayout(NamedTuple):
    """A format, the kind of file, and why it is so, in words for the mapping's comments."""

    file_format: FileFormat
    kind: Kind
    why: tuple[str, ...] = ()


def file_layout(path: Path, notes: Notes) -> FileLayout:
    """The layout of a file; asks where it cannot be known. Raises BadInput."""
    with telling(path.name), path.open("rb") as raw:
        head = raw.peek(HEAD)[:HEAD]
    refuse_unread(head, path.name)
    if head.startswith(PARQUET):
        return FileLayout(FileFormat(), "parquet")
    if head.startswith(ZIP):
        return _of_workbook(path, notes)
    if is_json(path, FileFormat()):
        return FileLayout(FileFormat(), "json")
    return _of_text(path, notes)


def _of_text(path: Path, notes: Notes) -> FileLayout:
    encoding, why = _encoding(path, notes)
    lines = _first_lines(path, encoding)
    layout = text_layout(lines)
    file_format = FileFormat(
        encoding=encoding,
        delimiter=None if layout.delimiter in (",", "") else _delimiter(layout.delimiter),
        quote=layout.quote,
        skip_lines=layout.skip_lines,
    )
    if not layout.has_header:
        why = (*why, "the first line is like those below it, so it names no columns")
        file_format = replace(file_format, columns=_numbered(layout.width))
    return FileLayout(file_format, "text", why)


def _first_lines(path: Path, encoding: str) -> list[str]:
    try:
        with telling(path.name), path.open("rb") as raw:
            stream = opened_text(raw, path, FileFormat(encoding=encoding))
            return list(islice(stream, 2 * LOOKED_AT))
    except (UnicodeError, LookupError) as bad:
        raise BadInput(
            f"it is not {encoding}" if isinstance(bad, UnicodeError) else "no such encoding",
            rule="encoding",
            where=path.name,
            todo="Give --encoding, such as cp1252 or utf-8.",
        ) from bad


def _delimiter(sign: str) -> str:
    return "tab" if sign == "\t" else sign


def _numbered(width: int) -> tuple[str, ...]:
    return tuple(f"column_{number}" for number in range(1, width + 1))


def _encoding(path: Path, notes: Notes) -> tuple[str, tuple[str, ...]]:
    if notes.answers.encoding:
        return notes.answers.encoding, ()
    with telling(path.name), path.open("rb") as raw:
        stream = unpacked(raw, path.name) if raw.peek(HEAD).startswith(GZIP) else raw
        head = _start(stream)
        whole = not stream.read(1)
    guess = guess_encoding(head, whole=whole)
    if guess.certain:
        return guess.name, ()
    question = OpenQuestion(
        "--encoding",
        "the file is not UTF-8, and its bytes read equally well in several encodings",
        path.name,
        guess=guess.name,
    )
    return notes.settle("", question), (f"a guess: {guess.why}; others fit as well",)


def _start(stream: io.BufferedReader) -> bytes:
    parts, size = [], 0
    while size < READ_FOR_ENCODING and (part := stream.read(1 << 20)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _of_workbook(path: Path, notes: Notes) -> FileLayout:
    sheets = visible_sheets(path)
    stated = notes.answers.sheet
    name: str | None = None
    if len(sheets) > 1 or stated:
        text = f"the workbook has {len(sheets)} sheets: which holds the leads?"
        question = OpenQuestion("--sheet", text, path.name, sheets, sheets[0])
        name = notes.settle(stated, question)
    file_format = FileFormat(sheet=name)
    numbered = list(islice(sheet_rows(path, file_format), LOOKED_AT))
    rows = [row for _, row in numbered if any(row)]
    lines = [number for number, row in numbered if any(row)]
    if not rows:
        return FileLayout(file_format, "workbook")
    width = max(len(row) for row in rows)
    full = [[*row, *[""] * (width - len(row))] for row in rows]
    top = header_place(full, width)
    skip = lines[top] - 1 if top else 0
    if has_header(full[top:]):
        return FileLayout(replace(file_format, skip_lines=skip), "workbook")
    why = ("the first row is like those below it, so it names no columns",)
    columns = _numbered(width)
    return FileLayout(replace(file_format, skip_lines=skip, columns=columns), "workbook", why)
