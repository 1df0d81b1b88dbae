"""Habits with files: turns among processes, whole writes, lines that a crash left unfinished."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PRIVATE_UMASK = 0o077
"""The umask of processes that write a home: files are 0600 and folders 0700."""


def private_folder(path: Path) -> None:
    """Make a folder that its owner alone may enter; take others' rights to one that is there.

    Rights of the owner's group stay as they are. A folder that belongs to another user is let be.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = path.stat()
    if status.st_mode & 0o007 and status.st_uid == os.geteuid():
        path.chmod(status.st_mode & 0o7770)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Be the only process inside, of those that name this file; it is made where it is missing.

    A process that dies lets go of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; its folder is there."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def drop_torn_line(stream: IO[bytes]) -> None:
    """Take away a last line that was not finished: what is written next would join it."""
    size = stream.seek(0, os.SEEK_END)
    while size and _byte(stream, size - 1) != b"\n":
        size -= 1
    stream.truncate(size)


def _byte(stream: IO[bytes], at: int) -> bytes:
    stream.seek(at)
    return stream.read(1)
