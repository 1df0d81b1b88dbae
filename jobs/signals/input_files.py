"""Files of documents: checked, opened, and read in batches of bounded size."""

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar, cast

from domain.errors import BadInput, Missing
from signals.files import json_documents
from signals.files.bounded_reading import buffered, telling, unpacked
from signals.files.file_kinds import GZIP, HEAD, PARQUET, ZIP, marked_encoding, refuse_unread

PIECE = 15_000
"""Documents read at a time."""

PIECE_BYTES = 16_000_000
"""Fewer, where they are long: so many bytes are read at a time."""

STDIN = "-"
T = TypeVar("T")


def origin_of(name: str) -> str:
    """How quarantine names the documents of a file."""
    return Path(name).name if name != STDIN else "standard input"


def check_file(name: str, mapping: Path | None) -> None:
    """Raise Missing or BadInput where a file cannot be taken in."""
    path = Path(name)
    if name == STDIN:
        if mapping:
            raise BadInput("a mapping reads files, not standard input", rule="mapping-needs-file")
        return
    if not path.is_file():
        what = "it is no regular file" if path.exists() else "no such file"
        todo = "Check its name and its folder."
        if path.exists():
            todo = "Name the files in it." if path.is_dir() else "Pipe it in, and name it -."
        raise Missing(what, rule="file-exists", where=name, todo=todo)
    plain = path.name.removesuffix(".gz")
    if mapping is None and plain.lower().endswith((".csv", ".tsv", ".parquet", ".xlsx", ".xlsm")):
        raise BadInput(
            "CSV and Parquet files need a mapping",
            rule="table-needs-mapping",
            where=path.name,
            todo="Give --mapping M.yaml; `leadscore init FILE` writes a first one.",
        )


@contextmanager
def documents_of(name: str) -> Iterator[Iterator[tuple[int, bytes]]]:
    """The JSON documents of a file, of a gzip file, or of standard input, each with its line.

    Raises BadInput.
    """
    where = origin_of(name)
    with telling(where), _opened(name) as raw:
        packed = raw.peek(HEAD).startswith(GZIP)
        if name.endswith(".gz") and not packed:
            raise BadInput(
                "the file is named .gz but is not gzip",
                rule="not-gzip",
                where=where,
                todo="Rename it to what it is.",
            )
        stream = unpacked(raw, where) if packed else raw
        _refuse_binary(stream.peek(HEAD)[:HEAD], where)
        yield json_documents.documents(stream, where)


def _opened(name: str) -> AbstractContextManager[io.BufferedReader]:
    if name != STDIN:
        return Path(name).open("rb")
    return nullcontext(buffered(cast("io.BufferedReader", sys.stdin.buffer).read1))


def _refuse_binary(head: bytes, where: str) -> None:
    refuse_unread(head, where)
    marked, _ = marked_encoding(head)
    if head.startswith((PARQUET, ZIP)) or b"\0" in head or marked not in ("", "utf-8"):
        raise BadInput(
            "the file is binary, not lines of JSON",
            rule="file-readable",
            where=where,
            todo="Tables need --mapping; JSON must be UTF-8, one document a line, or a list.",
        )


def batches(items: Iterable[T], length: Callable[[T], int] = lambda _: 0) -> Iterator[list[T]]:
    """Items in lists, each of at most the number read at a time; `length` gives an item's bytes."""
    batch: list[T] = []
    size = 0
    for item in items:
        batch.append(item)
        size += length(item)
        if len(batch) == PIECE or size >= PIECE_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
