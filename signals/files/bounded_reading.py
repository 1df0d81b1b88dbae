"""Files read within bounds: a line without end and a gzip that unpacks to too much are refused.

What is read from here may be read line by line: no line is longer than LONGEST_LINE.
"""

import codecs
import io
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from domain.errors import BadInput
from signals.files.file_kinds import GZIP

LONGEST_LINE = 16 << 20
"""Bytes between two line ends; also the characters of a cell, which may hold line ends."""

UNPACKED_FREELY = 256 << 20
MOST_UNPACKED = 200
"""A gzip may unpack to so many bytes, or to so many times its own size, whichever is more."""

_CHUNK = 1 << 17


class _Source(io.RawIOBase):
    """Bytes that a function hands out; "" at their end."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        super().__init__()
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        chunk = self._read(len(view))
        view[: len(chunk)] = chunk
        return len(chunk)


def buffered(read: Callable[[int], bytes]) -> io.BufferedReader:
    """A stream of what `read` hands out, which may be fewer bytes than asked, none at the end."""
    return io.BufferedReader(_Source(read), _CHUNK)


def unpacked(stream: io.BufferedReader, where: str) -> io.BufferedReader:
    """The bytes of a gzip file, all its members. Reading raises BadInput for damage and bombs."""
    return buffered(_Gzip(stream, where).read)


class _Gzip:
    """Unpacks the members of a gzip file one after the other; zeros after the last are padding."""

    def __init__(self, stream: BinaryIO, where: str) -> None:
        self._stream, self._where = stream, where
        self._member = zlib.decompressobj(wbits=31)
        self._ahead = b""
        self._packed = self._out = 0

    def read(self, size: int) -> bytes:
        try:
            chunk = self._next(size)
        except zlib.error:
            raise self._damaged() from None
        self._out += len(chunk)
        if self._out > max(UNPACKED_FREELY, MOST_UNPACKED * self._packed):
            raise BadInput(
                f"the gzip unpacks to more than {MOST_UNPACKED} times its size",
                rule="gzip-bomb",
                where=self._where,
                todo="If that is right, unpack it and give the file itself.",
            )
        return chunk

    def _next(self, size: int) -> bytes:
        while True:
            if self._member.eof and not self._begin():
                return b""
            compressed = self._member.unconsumed_tail or self._more()
            if not compressed and not self._member.eof:
                raise self._damaged()
            if chunk := self._member.decompress(compressed, size):
                return chunk

    def _more(self) -> bytes:
        chunk, self._ahead = self._ahead or self._stream.read(_CHUNK), b""
        self._packed += len(chunk)
        return chunk

    def _begin(self) -> bool:
        """Go on to the next member; False where there is none."""
        rest = self._member.unused_data
        self._packed -= len(rest)
        while not (rest := rest.lstrip(b"\0")):
            if not (rest := self._stream.read(_CHUNK)):
                return False
        if len(rest) < len(GZIP):
            rest += self._stream.read(_CHUNK)
        if not rest.startswith(GZIP):
            raise self._damaged()
        self._ahead, self._member = rest, zlib.decompressobj(wbits=31)
        return True

    def _damaged(self) -> BadInput:
        return BadInput(
            "the gzip is damaged or cut off",
            rule="gzip-damaged",
            where=self._where,
            todo="What was read before is kept; copy the whole file again.",
        )


def short_lined(
    stream: io.BufferedReader, where: str, encoding: str = "utf-8"
) -> io.BufferedReader:
    """The same bytes. Reading raises BadInput where a line is longer than LONGEST_LINE bytes."""
    as_ascii = "\n".encode(encoding) == b"\n"
    return buffered((_Lines if as_ascii else _WideLines)(stream, where, encoding).read)


class _Lines:
    """Counts the bytes since the last line end."""

    def __init__(self, stream: io.BufferedReader, where: str, encoding: str) -> None:
        self._stream, self._where = stream, where
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._line, self._open = 1, 0

    def read(self, size: int) -> bytes:
        chunk = self._stream.read1(size)
        rest = self._after_line_end(chunk)
        if rest < 0:
            self._open += len(chunk)
        else:
            self._line += chunk.count(b"\n")
            self._open = rest
        if self._open > LONGEST_LINE:
            raise BadInput(
                f"line {self._line} is longer than {LONGEST_LINE >> 20} MiB",
                rule="line-length",
                where=self._where,
                todo="Is it text, with line ends? What was read before is kept.",
            )
        return chunk

    def _after_line_end(self, chunk: bytes) -> int:
        """How many bytes stand after the last line end; -1 where there is none."""
        at = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        return len(chunk) - 1 - at if at >= 0 else -1


class _WideLines(_Lines):
    """The same for encodings in which a line end is not the one byte that it is in ASCII."""

    def _after_line_end(self, chunk: bytes) -> int:
        text = self._decoder.decode(chunk)
        at = max(text.rfind("\n"), text.rfind("\r"))
        return len(text) - 1 - at if at >= 0 else -1


@contextmanager
def telling(where: str) -> Iterator[None]:
    """Tell of a file that cannot be opened or read as BadInput."""
    try:
        yield
    except OSError as bad:
        raise BadInput(
            f"the file cannot be read: "
            f"{os.strerror(bad.errno) if bad.errno else type(bad).__name__}",
            rule="unreadable-file",
            where=where,
            todo="Check its name and its permissions.",
        ) from bad
