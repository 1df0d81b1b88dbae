"""Registrations that were never completed, known by the marks that they left.

A registering process holds the lock of a file of its own, its mark, and releases it when it ends,
in whatever way. So a mark whose lock is free belongs to a registration that failed.
"""

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

FOLDER = "registering"
LOCK = ".lock"
"""Held while a mark is made, and while marks are looked for: none is seen before it is locked."""


@contextmanager
def marked(cache: Path) -> Iterator[str]:
    """The mark of a registration, for as long as it takes; left where it comes to no good end."""
    folder = cache / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / uuid4().hex
    with ExitStack() as stack:
        with _alone(folder):
            fcntl.flock(stack.enter_context(mark.open("x")), fcntl.LOCK_EX)
        yield mark.name
        forget(cache, mark.name)


def left(cache: Path) -> list[str]:
    """The marks of registrations that were broken off; none where they cannot be looked at."""
    folder = cache / FOLDER
    if folder.is_dir():
        with suppress(OSError), _alone(folder):
            return [path.name for path in sorted(folder.glob("[!.]*")) if _free(path)]
    return []


def forget(cache: Path, mark: str) -> None:
    """What a registration left has been brought to an end."""
    with suppress(OSError):
        (cache / FOLDER / mark).unlink()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _free(mark: Path) -> bool:
    with suppress(OSError), mark.open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
