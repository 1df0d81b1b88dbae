"""Working folders that no process leaves behind for good: each is held by its maker.

A folder's owner holds a lock on a file in it for as long as it lives; the system lets go of the
lock when the process ends, however it ends. A folder gets its name once the lock is held: so
whoever finds the lock of a folder of that name free may remove it, however young it is.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

OWNER = ".owner"
"""The file whose lock the owner of a folder holds."""
UNNAMED = ".unnamed-"
"""How the name of a folder begins before its owner has locked it: nothing is in it then."""
OLD_S = 86_400.0
"""After so long, what was never finished is nobody's work."""


@contextmanager
def owned_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder, for its owner's eyes alone, of this process; removed at the end."""
    unnamed = Path(tempfile.mkdtemp(dir=parent, prefix=f"{UNNAMED}{prefix}-")).resolve()
    folder = unnamed.with_name(unnamed.name.removeprefix(UNNAMED))
    try:
        with (unnamed / OWNER).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            unnamed.rename(folder)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(unnamed, ignore_errors=True)


def remove_abandoned(parent: Path, prefixes: Sequence[str]) -> list[Path]:
    """Remove the folders of these prefixes whose owner is gone; those that were removed.

    Whoever was killed before its folder had a name left an empty one: it goes after a day. Links
    are not followed, folders of other users are let be, and so is what cannot be removed.
    """
    removed: list[Path] = []
    named = tuple(f"{prefix}-" for prefix in prefixes)
    unnamed = tuple(UNNAMED + one for one in named)
    with suppress(OSError):  # a home that cannot be read has greater worries
        for folder in filter(_is_mine, sorted(parent.iterdir())):
            if folder.name.startswith(named) and _remove_free(folder):
                removed.append(folder)
            elif folder.name.startswith(unnamed):
                removed += remove_old([folder])
    return removed


def remove_old(paths: Iterable[Path], old_s: float = OLD_S) -> list[Path]:
    """Remove files and folders that nothing changed for so long; those that were removed."""
    removed: list[Path] = []
    for path in paths:
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > old_s:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
                removed.append(path)
    return removed


def _is_mine(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    return status.st_uid == os.geteuid() and folder.is_dir() and not folder.is_symlink()


def _remove_free(folder: Path) -> bool:
    """Remove a folder unless its owner lives, or it never had one: then it is a person's."""
    try:
        with (folder / OWNER).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return False
    return not folder.exists()
