"""The text of a file: unpacked, in its encoding, with lines that end."""

import codecs
import io
from pathlib import Path

from domain.errors import BadInput, BadMapping
from signals.files.bounded_reading import short_lined, unpacked
from signals.files.file_format import FileFormat
from signals.files.file_kinds import GZIP, HEAD, marked_encoding, refuse_unread


def opened_text(raw: io.BufferedReader, path: Path, file_format: FileFormat) -> io.TextIOWrapper:
    """The text of a file that may be gzip, line ends as they stand. Raises BadInput."""
    if raw.peek(HEAD).startswith(GZIP):
        raw = unpacked(raw, path.name)
    head = raw.peek(HEAD)[:HEAD]
    encoding = _encoding(head, path, file_format)
    return io.TextIOWrapper(short_lined(raw, path.name, encoding), encoding=encoding, newline="")


def _encoding(head: bytes, path: Path, file_format: FileFormat) -> str:
    """The mapping's encoding, where the file's first bytes do not contradict it."""
    encoding = codecs.lookup(file_format.encoding).name
    wide = encoding.startswith(("utf-16", "utf-32"))
    marked, _ = marked_encoding(head)
    if not head:
        raise _bad(path, "empty-file", "the file is empty", "Export it again.")
    refuse_unread(head, path.name)
    if marked and not encoding.startswith((marked, f"{marked}-")):
        what = (
            f"it begins as {marked.upper()} does, the mapping's encoding is {file_format.encoding}"
        )
        raise _bad(path, "encoding", what, f"Set encoding: {marked}.")
    if b"\0" in head and not wide:
        raise _bad(path, "binary-file", "it is binary", "Give CSV, gzip, Parquet or .xlsx.")
    # a mark that is there settles the order of bytes, and is taken away
    return marked if wide and marked else "utf-8-sig" if encoding == "utf-8" else encoding


def _bad(path: Path, rule: str, what: str, todo: str) -> BadInput:
    return BadMapping(what, rule=rule, where=path.name, todo=todo)
