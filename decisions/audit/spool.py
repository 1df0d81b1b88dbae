"""Decisions on disk that the audit trail could not take yet.

One file: a line for each batch that was to be recorded together, its checksum before it. A batch is
whole or not there; a line that a crash left unfinished is dropped by whoever writes next.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from threading import Lock
from zlib import crc32

import msgspec

from domain.decisions import DecisionRecord
from domain.errors import Refused, Unavailable
from storage.files import drop_torn_line, exclusive

FILE, TURN, DAMAGED = "decisions.audit.spool", "turn", "decisions.damaged"
MARK = 64
"""So many bytes at its beginning tell one file from the next: they hold a checksum and an id."""

_log = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[DecisionRecord])


class Spool:
    """A spool in a folder of its own, of at most so many bytes. For threads and processes."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._file = folder / FILE
        self._turn = folder / TURN
        self._most = most_bytes
        self._lock = Lock()
        self._mark, self._read_to = b"", 0
        self._held: dict[str, DecisionRecord] = {}
        self._keys: dict[str, str] = {}

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        try:
            return not self._file.stat().st_size
        except OSError:
            return True

    def add(self, records: Sequence[DecisionRecord]) -> None:
        """Keep decisions, all or none, on disk when this returns.

        Raises Unavailable where they have no room or cannot be written; Refused where a decision
        id, or the key of a request, is here already.
        """
        with _available(), exclusive(self._turn), self._lock:
            self._look()
            ids, keys = {r.answer.decision_id for r in records}, _keys_of(records)
            if not (self._held.keys().isdisjoint(ids) and self._keys.keys().isdisjoint(keys)):
                raise Refused("the decision is already recorded", rule="decision-once")
            self._write(_line(records))

    def get(self, decision_id: str) -> DecisionRecord | None:
        """A decision that waits."""
        with self._lock:
            self._look()
            return self._held.get(decision_id)

    def answered(self, keys: Sequence[str]) -> dict[str, DecisionRecord]:
        """By key, the waiting decisions that requests of these keys were answered with."""
        with self._lock:
            self._look()
            return {key: self._held[self._keys[key]] for key in keys if key in self._keys}

    def drain(self, take: Callable[[Sequence[DecisionRecord]], None]) -> None:
        """Hand all over in the order in which they came, and forget them.

        Where `take` raises, or this process dies, all are handed over again: it must bear that.
        """
        with _available(), exclusive(self._turn):
            damaged = 0
            for batch in self._batches():
                if batch is None:
                    damaged += 1
                else:
                    take(batch)
            if damaged:
                _log.error(
                    "%d batches of the spool are damaged; it is kept as %s", damaged, DAMAGED
                )
                self._file.replace(self._file.with_name(DAMAGED))
            else:
                self._file.unlink(missing_ok=True)

    def _write(self, line: bytes) -> None:
        new = not self._file.exists()
        # unbuffered: what could not be written must not be tried again on closing
        with self._file.open("a+b", buffering=0) as stream:
            drop_torn_line(stream)
            size = stream.seek(0, os.SEEK_END)
            if size + len(line) > self._most:
                raise Unavailable("the spool of decisions is full", rule="audit-spool")
            _append(stream, line, size)
        if new:
            _sync_folder(self._file.parent)

    def _look(self) -> None:
        """Read what came since the last look."""
        try:
            stream = self._file.open("rb")
        except OSError:
            self._mark, self._read_to, self._held, self._keys = b"", 0, {}, {}
            return
        with stream:
            mark = stream.read(MARK)
            if mark != self._mark:
                self._mark, self._read_to, self._held, self._keys = mark, 0, {}, {}
            stream.seek(self._read_to)
            while (line := stream.readline()).endswith(b"\n"):
                self._read_to += len(line)
                for record in _batch(line) or ():
                    self._held[record.answer.decision_id] = record
                    if record.request is not None:
                        self._keys[record.request.key] = record.answer.decision_id

    def _batches(self) -> Iterator[list[DecisionRecord] | None]:
        """Each whole line's batch, None for one that is not what was written."""
        if self._file.exists():
            with self._file.open("rb") as stream:
                while (line := stream.readline()).endswith(b"\n"):
                    yield _batch(line)


@contextmanager
def _available() -> Iterator[None]:
    """Say Unavailable where the disk says no."""
    try:
        yield
    except OSError as bad:
        raise Unavailable(
            f"the spool of decisions cannot be used: {type(bad).__name__}", rule="audit-spool"
        ) from bad


def _append(stream: FileIO, line: bytes, size: int) -> None:
    try:
        written = stream.write(line)
        os.fsync(stream.fileno())
    except OSError:
        stream.truncate(size)
        raise
    if written != len(line):  # the disk filled up in the middle
        stream.truncate(size)
        raise OSError("written in part")


def _sync_folder(folder: Path) -> None:
    held = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def _line(records: Sequence[DecisionRecord]) -> bytes:
    body = _encoder.encode(records)
    return b"%08x %s\n" % (crc32(body), body)


def _batch(line: bytes) -> list[DecisionRecord] | None:
    told, body = line[:8], line[9:-1]
    if told != b"%08x" % crc32(body):
        return None
    return _decoder.decode(body)


def _keys_of(records: Sequence[DecisionRecord]) -> set[str]:
    return {r.request.key for r in records if r.request is not None}
