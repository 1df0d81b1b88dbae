"""JSON documents out of a file: one a line, in an array, or one after the other over many lines.

One document a line is the usual form, and the quick one. A file is read in another form where its
first bytes say so: `[`, `{"events": [` as the service takes it, or `{"results": [{` as HubSpot's
API answers, begin a list whose items are the documents; a first line that is no whole document, and
does not stand above another's beginning, is that of an indented one. Whatever stands between
documents is handed on too: nothing is lost but what stands beside `results`, such as `paging`.
"""

import io
import json
import re
from collections.abc import Iterator

from domain.errors import BadInput
from signals.files.bounded_reading import LONGEST_LINE, buffered, short_lined
from signals.files.file_kinds import marked_encoding

Numbered = Iterator[tuple[int, bytes]]

_LIST = re.compile(rb'\s*(?:\[|\{\s*"events"\s*:\s*\[|\{\s*"results"\s*:\s*\[(?=\s*\{))')
_READ = 1 << 16
DEEPEST = 1_000
"""Brackets within each other; a reader of JSON gives up at about as many."""

_TEXT = rb'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(_TEXT + rb'|["{}\[\],]', re.DOTALL)


def _nested(levels: int) -> bytes:
    inner = b"|" + _nested(levels - 1) if levels else b""
    return rb'[{\[](?:[^"{}\[\]]++|' + _TEXT + inner + rb")*+[}\]]"


_SHALLOW = re.compile(_nested(4), re.DOTALL)
"""A whole document whose brackets are not nested deeper, which is found more quickly."""
_SPACE, _BETWEEN = re.compile(rb"\s*"), re.compile(rb"[\s,]*")


def documents(stream: io.BufferedReader, where: str) -> Numbered:
    """The documents, each with the line on which it begins. Raises BadInput.

    `stream` holds UTF-8, with or without a byte order mark.
    """
    head = stream.read(_READ)
    _, mark = marked_encoding(head)
    head = head[len(mark) :]
    if match := _LIST.match(head):
        answer = b"results" in match[0]
        yield from _Scanner(stream, where, head, match.end()).items(answer=answer)
    elif _indented(head):
        yield from _Scanner(stream, where, head, 0).documents()
    else:
        lines = short_lined(_joined(head, stream), where)
        yield from ((n, line) for n, line in enumerate(lines, 1) if line.strip())


def _joined(head: bytes, rest: io.BufferedReader) -> io.BufferedReader:
    """A stream of what was read of it already, and the rest."""
    begun = io.BytesIO(head)
    return buffered(lambda size: begun.read(size) or rest.read1(size))


def _indented(head: bytes) -> bool:
    """Whether a document begins here that spans several lines."""
    first, _, rest = head.lstrip().partition(b"\n")
    if not first.startswith(b"{") or not rest.strip() or rest.startswith((b"{", b"[")):
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return True
    return False


def _step(token: bytes) -> int:
    """How much deeper what follows a token is nested."""
    return (token in b"{[") - (token in b"}]")


class _Scanner:
    """Finds where documents end by their brackets, without reading what is in them."""

    def __init__(self, stream: io.BufferedReader, where: str, head: bytes, at: int) -> None:
        """`head` was read from the stream before; `at` is where in it to begin."""
        self._stream, self._where = stream, where
        self._buffer, self._at = head, at
        self._line = 1 + head.count(b"\n", 0, at)

    def items(self, *, answer: bool) -> Numbered:
        """The items of the list that has begun; then what follows it, as documents.

        `answer`: the list is in an object whose other keys are of no interest.
        """
        yield from self._values(within=True)
        while answer and self._skip(_SPACE) == b",":
            self._take(self._end(within=False))
        if answer and self._skip(_SPACE) == b"}":
            self._take(self._at + 1)
        yield from self.documents()

    def documents(self) -> Numbered:
        """Documents one after the other."""
        yield from self._values(within=False)

    def _values(self, *, within: bool) -> Numbered:
        """Values up to the end of the list, or of the file."""
        while first := self._skip(_BETWEEN if within else _SPACE):
            if within and first == b"]":
                self._take(self._at + 1)
                if self._skip(_SPACE) == b"}":
                    self._take(self._at + 1)
                return
            begun = self._line
            whole = within or first in b"{["
            end = self._end(within=within) if whole else self._line_end()
            if value := self._take(end).rstrip():
                yield begun, value
        if within:
            raise self._cut()

    def _end(self, *, within: bool) -> int:
        """Where the next value ends among the bytes at hand."""
        if match := _SHALLOW.match(self._buffer, self._at):
            return match.end()
        depth, at = 0, self._at
        while True:
            for token in _TOKEN.finditer(self._buffer, at):
                kind, at = token[0], token.end()
                if kind == b'"':  # a text whose end is not at hand yet
                    at = token.start()
                    break
                if within and not depth and kind in b",]}":
                    return token.start() + (kind == b"}")
                depth += _step(kind)
                if depth <= 0 and kind in b"}]":
                    return at
                if depth > DEEPEST:
                    raise self._bad("brackets are nested too deeply", "json-depth")
            start = self._at
            if not self._more():
                return len(self._buffer)
            at -= start

    def _line_end(self) -> int:
        while (end := self._buffer.find(b"\n", self._at)) < 0:
            if not self._more():
                return len(self._buffer)
        return end

    def _more(self) -> bool:
        """Read as much again as is at hand: what is looked at twice stays in proportion.

        What was taken is let go of: the next value begins at 0 then.
        """
        left = self._buffer[self._at :]
        if len(left) > LONGEST_LINE:
            raise self._bad(f"it is longer than {LONGEST_LINE >> 20} MiB", "line-length")
        more = self._stream.read(max(_READ, len(left)))
        if more:
            self._buffer, self._at = left + more, 0
        return bool(more)

    def _skip(self, what: re.Pattern[bytes]) -> bytes:
        """Go on behind what stands between values; the next byte, none at the end."""
        while True:
            match = what.match(self._buffer, self._at)
            self._take(match.end() if match else self._at)
            if self._at < len(self._buffer) or not self._more():
                return self._buffer[self._at : self._at + 1]

    def _take(self, end: int) -> bytes:
        text = self._buffer[self._at : end]
        self._line += text.count(b"\n")
        self._at = end
        return text

    def _bad(self, what: str, rule: str) -> BadInput:
        return BadInput(
            f"no document starts here: {what}",
            rule=rule,
            where=f"{self._where}, line {self._line}",
            todo="Are its brackets and quotes closed? What was read before is kept.",
        )

    def _cut(self) -> BadInput:
        return BadInput(
            "the list of documents is not closed: the file is cut off",
            rule="json-cut",
            where=self._where,
            todo="What was read before is kept; get the whole file and ingest it again.",
        )
