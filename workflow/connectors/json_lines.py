"""Effects in files: a line of JSON each, a file a day, each effect once whoever is killed when."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from domain.clock import from_us
from storage.files import drop_torn_line, exclusive, private_folder
from workflow.effect import Effect
from workflow.outbox.effect_queue import ClaimedEffect
from workflow.outbox.receipt import DELIVERED, RELEASED, EffectReceipt

AT_A_TIME = 500
_decoder = msgspec.json.Decoder(Effect)


class JsonLinesConnector:
    """Appends to `NAME-DAY.jsonl` in a folder, by the day (UTC) on which an effect was asked for.

    A file is written by one process at a time; lines that are written whole are on disk before
    their receipts. Where another may have written an effect already, its file is looked through.
    """

    at_a_time = AT_A_TIME

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    def deliver(self, claimed: Sequence[ClaimedEffect], until: float) -> list[EffectReceipt]:
        """A receipt for each: all alike."""
        by_file: dict[Path, list[ClaimedEffect]] = {}
        for one in claimed:
            by_file.setdefault(self._file(one.effect), []).append(one)
        try:
            private_folder(self._folder)
            with exclusive(self._folder / f"{self._name}.lock"):
                if time.monotonic() >= until:  # after the lock: others wait for it to look
                    return [RELEASED] * len(claimed)
                for path, effects in by_file.items():
                    _append(path, effects)
        except OSError as bad:
            cause = f"the file cannot be written ({type(bad).__name__})"
            return [EffectReceipt(verdict="away", rule="file-written", cause=cause)] * len(claimed)
        return [DELIVERED] * len(claimed)

    def _file(self, effect: Effect) -> Path:
        return self._folder / f"{self._name}-{from_us(effect.created_us):%Y-%m-%d}.jsonl"


def _append(path: Path, claimed: Sequence[ClaimedEffect]) -> None:
    is_new = not path.exists()
    with path.open("a+b") as stream:
        drop_torn_line(stream)
        written = _keys(path) if any(one.in_doubt for one in claimed) else frozenset()
        lines = [msgspec.json.encode(o.effect) for o in claimed if o.effect.key not in written]
        stream.write(b"".join(line + b"\n" for line in lines))
        stream.flush()
        os.fsync(stream.fileno())
    if is_new:
        _sync_folder(path.parent)


def _keys(path: Path) -> frozenset[str]:
    """The keys of the effects that a file holds."""
    with path.open("rb") as stream:
        return frozenset(_decoder.decode(line).key for line in stream)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
