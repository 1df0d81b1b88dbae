"""Small disks: file systems in memory that are really full, really read-only."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FILL = "fill"


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of so many megabytes; skips the test where none may be mounted, not in CI."""
    folder.mkdir()
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    except OSError as refused:
        if os.environ.get("LEADSCORE_CI") == "1":
            pytest.fail(str(refused))
        pytest.skip(f"nothing may be mounted here: {refused}")
    try:
        yield folder
    finally:
        _run("umount", "--lazy", str(folder))


def fill(disk: Path) -> None:
    """Leave not a byte."""
    with (disk / FILL).open("ab", buffering=0) as stream:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while stream.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


def free(disk: Path) -> None:
    """Give back what `fill` took."""
    (disk / FILL).unlink()


def make_read_only(disk: Path, *, read_only: bool) -> None:
    """Mount it anew, so or so. Raises OSError while a file of it is open for writing."""
    _run("mount", "-o", f"remount,{'ro' if read_only else 'rw'}", str(disk))
