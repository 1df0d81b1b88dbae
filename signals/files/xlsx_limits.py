"""Whether a workbook may be opened: what its zip unpacks to, and how large its sheets claim to be.

A sheet is held whole by the library that reads it, as a rectangle from its first to its last cell,
with every cell's text by itself. A small file can claim far more than a machine has; so its parts
are unpacked and looked at here first, whatever the zip's directory says of their sizes.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from domain.errors import BadInput

MOST_BYTES = 512 << 20
MOST_UNPACKED = 200
UNPACKED_FREELY = 64 << 20
"""All parts together unpack to at most MOST_BYTES, and beyond UNPACKED_FREELY to at most
MOST_UNPACKED times the file's size."""

MOST_CELLS = 10_000_000
MOST_CHARACTERS = 1 << 30
"""A sheet's rectangle has at most so many cells, and they hold at most so many bytes of text."""

_CELL = re.compile(rb'<(?:\w+:)?c\b[^>]*?\br="([A-Za-z]{1,3})(\d{1,7})"[^>]*(?<!/)>')
_SHARED = re.compile(rb"<(?:\w+:)?si\b[^>]*>(.*?)</(?:\w+:)?si>", re.DOTALL)
_USED = re.compile(rb'\bt="s"[^>]*>\s*<(?:\w+:)?v>(\d{1,9})<')
_LOCAL = struct.Struct("<26x2H")


def check_workbook(path: Path) -> None:
    """Raise BadInput for a workbook that would take too much, or whose zip is damaged."""
    try:
        with zipfile.ZipFile(path) as packed, path.open("rb") as raw:
            parts = packed.infolist()
            if not any(part.filename.startswith("xl/") for part in parts):
                raise _bad(path, "file-kind", "it is a zip file, not a workbook", "Unpack it.")
            _check_parts(_unpacked(parts, raw, path), path)
    except (zipfile.BadZipFile, zlib.error, struct.error, ValueError, NotImplementedError) as bad:
        what = "the workbook is damaged or cut off"
        raise _bad(path, "workbook-damaged", what, "Save it again.") from bad


def _check_parts(parts: Iterator[bytes], path: Path) -> None:
    lengths: list[int] = []
    used: list[bytes] = []
    for content in parts:
        lengths += [len(match[1]) for match in _SHARED.finditer(content)]
        used += _USED.findall(content)
        columns, rows = _corner(content)
        if columns * rows > MOST_CELLS:
            raise _too_large(path, f"a sheet spans more than {MOST_CELLS:,} cells")
    total = sum(lengths[int(at)] for at in used if int(at) < len(lengths))
    if total > MOST_CHARACTERS:
        raise _too_large(path, f"its texts take more than {MOST_CHARACTERS >> 20} MiB")


def _corner(content: bytes) -> tuple[int, int]:
    """The last column and the last row that hold something."""
    columns: set[bytes] = set()
    last = 0
    for match in _CELL.finditer(content):
        columns.add(match[1])
        last = max(last, int(match[2]))
    return max(map(_number, columns), default=0), last


def _number(letters: bytes) -> int:
    """A column's number, such as 28 of AB."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _unpacked(parts: list[zipfile.ZipInfo], raw: BinaryIO, path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    left = min(MOST_BYTES, max(UNPACKED_FREELY, MOST_UNPACKED * size))
    for part in parts:
        content = _content(part, raw, left)
        left -= len(content)
        if left <= 0:
            raise _too_large(path, "it unpacks to too much")
        yield content


def _content(part: zipfile.ZipInfo, raw: BinaryIO, most: int) -> bytes:
    """A part's bytes, at most so many; as the zip holds them, not as its directory tells."""
    raw.seek(part.header_offset)
    name, extra = _LOCAL.unpack(raw.read(_LOCAL.size))
    raw.seek(name + extra, 1)
    packed = raw.read(part.compress_size)
    if part.flag_bits & 1:
        raise NotImplementedError("encrypted")
    if part.compress_type == zipfile.ZIP_STORED:
        return packed
    if part.compress_type != zipfile.ZIP_DEFLATED:
        raise NotImplementedError("another compression")
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, max(most, 1))


def _too_large(path: Path, what: str) -> BadInput:
    return _bad(path, "workbook-size", what, "Save the sheet as CSV, or in several files.")


def _bad(path: Path, rule: str, what: str, todo: str) -> BadInput:
    return BadInput(what, rule=rule, where=path.name, todo=todo)
