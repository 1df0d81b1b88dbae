"""The spool as version 0.2.0 kept it: a file with a line for each batch, its checksum before it."""

from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import msgspec

from domain.decisions import DecisionRecord

FILE, TURN, DAMAGED = "decisions.audit.spool", "turn", "decisions.damaged"

_decoder = msgspec.json.Decoder(list[DecisionRecord])


def batches(file: Path) -> Iterator[list[DecisionRecord] | None]:
    """Each whole line's batch, None for one that is not what was written.

    A last line that a crash left unfinished was never acknowledged: it is left out.
    """
    with file.open("rb") as stream:
        while (line := stream.readline()).endswith(b"\n"):
            yield _batch(line[:8], line[9:-1])


def _batch(checksum: bytes, body: bytes) -> list[DecisionRecord] | None:
    if checksum != b"%08x" % crc32(body):
        return None
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError:
        return None
