"""The outbox of lineage events: a file that only grows, and how far it has been sent.

`events.jsonl` holds every event, one JSON document a line, durable before anyone is told; who
reads the file needs nothing else. `sent` says how many bytes of it a server has. Processes take
turns by a lock on the folder; a line that a crash cut off is taken away before the next.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from storage.files import drop_torn_line, exclusive, write_whole

EVENTS, SENT, REFUSED, LOCK = "events.jsonl", "sent", "refused.jsonl", "lock"

Send = Callable[[bytes], bool]
"""Delivers one event; False where it will never be taken. Raises OSError to try again later."""


class Outbox:
    """Events in a folder. Safe to use from many processes; every method may raise OSError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, event: bytes) -> None:
        """Keep an event, a JSON document in one line."""
        with exclusive(self.folder / LOCK), (self.folder / EVENTS).open("ab+") as stream:
            drop_torn_line(stream)
            stream.write(event + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def waiting(self) -> int:
        """How many events have not been sent."""
        with exclusive(self.folder / LOCK):
            return sum(1 for _ in self._unsent())

    def send(self, send: Send) -> int:
        """Send what waits, oldest first, each once; how many went.

        It ends where `send` raises, which is raised on; what was sent by then is not sent again,
        but for the one under way when the process dies. What will never be taken is set aside in
        `refused.jsonl`, so that it does not hold up what follows.
        """
        sent = 0
        with exclusive(self.folder / LOCK):
            for event, end in self._unsent():
                taken = send(event)
                if not taken:
                    with (self.folder / REFUSED).open("ab") as stream:
                        stream.write(event + b"\n")
                self._mark(end)
                sent += taken
        return sent

    def _unsent(self) -> Iterator[tuple[bytes, int]]:
        """Whole lines after what was sent, and where each ends."""
        path, at = self.folder / EVENTS, self._sent()
        if not path.is_file():
            return
        with path.open("rb") as stream:
            stream.seek(at)
            for line in stream:
                at += len(line)
                if line.endswith(b"\n"):
                    yield line[:-1], at

    def _sent(self) -> int:
        try:
            return int((self.folder / SENT).read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def _mark(self, end: int) -> None:
        write_whole(self.folder / SENT, str(end).encode())
