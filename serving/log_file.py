"""The log of a service: whole lines of several processes in one file, bounded in size.

Workers write to pipes, and the supervisor writes the file: so it can be rotated under them, and a
disk that is full or gone stops nobody. What cannot be written is dropped and counted.
"""

import os
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import IO

FILE_BYTES = 10 << 20
"""A file that would grow beyond this is put aside, and another is begun."""
FILES = 10
"""How many files are kept, the one that is written to among them."""
LINE_BYTES = 64 * 1024
"""A longer line is cut into lines of this length."""
TAIL = 12


class LogFile:
    """A file of lines at `path`, put aside as `path.1` to `path.9`. Safe to use from many threads.

    It is opened for each write: a file system may be made read-only, and a home be moved away and
    brought back, while nothing is held open. Folders are not made anew.
    """

    def __init__(self, path: Path, file_bytes: int = FILE_BYTES, files: int = FILES) -> None:
        self.path = path
        self.dropped = 0
        self._file_bytes, self._files = file_bytes, files
        self._last: deque[bytes] = deque(maxlen=TAIL)
        self._lock = Lock()

    def write(self, lines: bytes) -> None:
        """Append whole lines, or drop and count them where there is no room. Never raises."""
        with self._lock:
            self._last.extend(lines.splitlines()[-TAIL:])
            text = lines
            if self.dropped:
                notice = f"{self.dropped} lines of this log could not be written and are lost\n"
                text = notice.encode() + lines
            try:
                self._append(text)
                self.dropped = 0
            except OSError:
                self.dropped += lines.count(b"\n")

    def tail(self) -> str:
        """The last lines, written or dropped."""
        with self._lock:
            return b"\n".join(self._last).decode(errors="replace")

    def follow(self, stream: IO[bytes]) -> Thread:
        """Write what comes through a pipe, in a thread that ends with it."""
        thread = Thread(target=self._read, args=(stream,), daemon=True, name="log")
        thread.start()
        return thread

    def _read(self, stream: IO[bytes]) -> None:
        content = b""
        with stream:
            while some := os.read(stream.fileno(), LINE_BYTES):
                whole, end, content = (content + some).rpartition(b"\n")
                if end:
                    self.write(whole + end)
                elif len(content) >= LINE_BYTES:
                    self.write(content + b"\n")
                    content = b""
            if content:
                self.write(content + b"\n")

    def _append(self, text: bytes) -> None:
        descriptor = self._open()
        try:
            size = os.fstat(descriptor).st_size
            if size and size + len(text) > self._file_bytes:
                os.close(descriptor)
                self._put_aside()
                descriptor, size = self._open(), 0
            if os.write(descriptor, text) != len(text):  # the disk filled up in the middle
                os.ftruncate(descriptor, size)
                raise OSError("written in part")
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _put_aside(self) -> None:
        """Make room for a new file: the oldest goes, the others grow a number older."""
        for number in range(self._files - 1, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = older.with_name(f"{self.path.name}.{number - 1}") if number > 1 else self.path
            with suppress(FileNotFoundError):
                newer.replace(older)


def finish(threads: list[Thread], seconds: float) -> None:
    """Wait until what was said is written, for so long at most."""
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
