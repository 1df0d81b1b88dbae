"""The files in which worker processes keep their metrics, mapped into memory.

Whoever writes to a mapped page that the file system has no room for is killed (SIGBUS). So these
files are in memory rather than on the home's disk, where there is such a place; and a page is
written to only once the file system has given it. Where it gives none, a worker goes on counting
in memory of its own: the metrics page misses it, its callers do not. This holds for `leadscore
serve`, for `bentoml serve` and for a Bento alike.
"""

import atexit
import errno
import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

from prometheus_client import mmap_dict, values

from storage.owned_folder import owned_folder, remove_abandoned

PREFIX = "leadscore-metrics"
MEMORY = Path("/dev/shm")  # noqa: S108 the folder that is made there is private
ROOM = 8 << 20
"""Bytes that must be free where the files go: what some workers need."""
TOLD = "PROMETHEUS_MULTIPROC_DIR"
"""What names the folder to a worker, and to the library."""
FIRST_BYTES = 1 << 16
"""The size of a new file: what the library itself begins with."""


@contextmanager
def metrics_folder() -> Iterator[Path]:
    """A private folder for the files of one service, removed at the end.

    In memory where the system has room there, else among temporary files. Folders of services that
    were killed are removed. Raises OSError where nothing can be written anywhere.
    """
    parent = next((p for p in (MEMORY, Path(tempfile.gettempdir())) if _has_room(p)), None)
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    remove_abandoned(parent, [PREFIX])
    with owned_folder(parent, PREFIX) as folder:
        yield folder


def _has_room(folder: Path) -> bool:
    try:
        space = os.statvfs(folder)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK) and space.f_bavail * space.f_frsize >= ROOM


class GivenPages(mmap_dict.MmapedDict):
    """The library's file of values, whose pages the file system has given before they are used."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:  # noqa: FBT001, FBT002
        """Open a file of values; in memory alone where the file system gives no room for it."""
        self._positions: dict[str, int]
        self._m: Any
        self._alone = False
        try:
            with Path(filename).open("ab", buffering=0) as new:
                _lengthen(new, FIRST_BYTES)
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]
        except OSError:
            self._alone = True
            self._capacity, self._used, self._positions = FIRST_BYTES, 8, {}
            self._m = mmap.mmap(-1, self._capacity)

    def _init_value(self, key: str) -> None:
        """Begin a value, in pages that are given."""
        need = len(key.encode()) + 32
        while self._used + need > self._capacity:
            self._grow(2 * self._capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _grow(self, capacity: int) -> None:
        grown = None if self._alone else self._lengthened(capacity)
        if grown is None:
            self._alone = True
            grown = mmap.mmap(-1, capacity)
            grown[: self._used] = self._m[: self._used]
        self._m, self._capacity = grown, capacity

    def _lengthened(self, capacity: int) -> mmap.mmap | None:
        """The file's memory once it is so long; None where it has no room for that."""
        try:
            with Path(self._fname).open("ab", buffering=0) as more:
                _lengthen(more, capacity)
            return mmap.mmap(self._f.fileno(), capacity)
        except OSError:
            return None

    def close(self) -> None:
        """Let go of the memory, and of the file where there is one."""
        self._m.close()
        if not self._alone:
            self._f.close()


def _lengthen(stream: FileIO, size: int) -> None:
    """Write zeros until a file is so long: a hole would have no room that is its own.

    Raises OSError.
    """
    missing = size - os.fstat(stream.fileno()).st_size
    if missing > 0 and stream.write(bytes(missing)) != missing:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def use_given_pages() -> None:
    """Make the metrics of this process keep to pages that are given; before the first is made."""
    values.MmapedDict = GivenPages  # type: ignore[attr-defined]


def keep_bentos_metrics_in_memory() -> None:
    """Make `bentoml serve` keep these files in `metrics_folder`; nothing is made before it asks.

    In its workers, which are told of a folder, there is nothing to do.
    """
    if TOLD in os.environ:
        return
    import bentoml.serving

    beside_the_models = bentoml.serving.ensure_prometheus_dir

    def ensure() -> str:
        stack = ExitStack()
        try:
            folder = stack.enter_context(metrics_folder())
        except OSError:
            return str(beside_the_models())
        atexit.register(stack.close)
        return str(folder)

    bentoml.serving.ensure_prometheus_dir = ensure
