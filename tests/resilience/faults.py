"""What may happen to a store's files under a service that has them open, and be undone again."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.resilience.disks import fill, free

STORES: Mapping[str, str] = {
    "event log": "signals.db",
    "online store": "feast/online.db",
    "audit trail": "audit.db",
    "ledger": "ledger.db",
    "keys": "access.db",
    "live versions": "live",
    "workflow": "workflow.db",
}
"""All that the service reads or writes, by where it is in a home."""
GARBAGE = b"\xa5not what was here\n"

Fault = Callable[[Path], AbstractContextManager[None]]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process writes, or keeps others from it, as a backup or a stray shell would."""
    other = sqlite3.connect(path, isolation_level=None, timeout=10)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.close()


@contextmanager
def removed(path: Path) -> Iterator[None]:
    """It is moved away, and put back as it was."""
    away = {one: one.with_name(f"away-{one.name}") for one in _files(path)}
    for one, other in away.items():
        one.rename(other)
    try:
        yield
        assert not path.exists(), "nothing is made in its place"
    finally:
        for one, other in away.items():
            other.rename(one)


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Its content is overwritten where it stands; then a copy takes its place."""
    copy = path.with_name(f"copy-{path.name}")
    _copy(path, copy)
    for one in [each for each in path.rglob("*") if each.is_file()] or _files(path):
        if not one.name.endswith("-shm"):  # mapped into memory, and made of the others
            _overwrite(one)
    try:
        yield
    finally:
        for one in _files(path):
            shutil.rmtree(one) if one.is_dir() else one.unlink()
        copy.rename(path)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """There is not a byte left on the disk."""
    fill(disk)
    try:
        yield
    finally:
        free(disk)


def _files(path: Path) -> list[Path]:
    """A store, and what SQLite keeps beside it."""
    return [path, *path.parent.glob(f"{path.name}-*")]


def _copy(path: Path, copy: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, copy)
        return
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    source.backup(target)
    source.close()
    target.close()


def _overwrite(path: Path) -> None:
    """Bytes that mean nothing, as many as there were."""
    size = path.stat().st_size
    with path.open("r+b") as stream:
        stream.write((GARBAGE * (size // len(GARBAGE) + 1))[:size])


FAULTS: Mapping[str, Fault] = {"locked": locked, "removed": removed, "damaged": damaged}
"""What may happen to one store."""
