"""A value that is read again and again in the background, so that a request never waits for it."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from domain.errors import Unavailable

FIRST_S = 2.0
"""How long `start` waits for the first reading."""
T = TypeVar("T")
_log = logging.getLogger("bentoml.leadscore")


class PolledValue(Generic[T]):
    """The newest value that `read` gave, read every `every_s` seconds by a thread of its own.

    While it cannot be read the last one holds, for `keep_s` seconds; then there is none. `timer`
    tells seconds from any start, never backwards. Safe to use from many threads.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], T],
        *,
        every_s: float,
        keep_s: float,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._read = read
        self._every_s = every_s
        self._keep_s = keep_s
        self._timer = timer
        self._value: T | None = None
        self._good_until = self._tried = float("-inf")
        self._failing = False
        self._reading = threading.Lock()
        self._first, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, name=name, daemon=True)

    def start(self) -> None:
        """Begin to read, and wait a little for the first reading."""
        self._thread.start()
        self._first.wait(FIRST_S)

    def value(self) -> T:
        """The newest value. Raises Unavailable where none was read for too long."""
        value = self._value
        if value is None or self._timer() > self._good_until:
            raise Unavailable(f"{self.name} cannot be read", rule="access-available")
        return value

    def refresh(self, spacing_s: float = 0.0) -> None:
        """Read now, unless that was tried less than `spacing_s` seconds ago."""
        with self._reading:
            if self._timer() - self._tried < spacing_s:
                return
            self._tried = self._timer()
            try:
                self._value = self._read()
                self._good_until = self._timer() + self._keep_s
            except Exception as bad:
                # whatever it was: a thread that ended would keep revoked keys alive
                self._tell(type(bad).__name__)
            else:
                self._tell("")

    def close(self) -> None:
        """End the thread, at its next step."""
        self._ended.set()

    def _follow(self) -> None:
        while True:
            self.refresh()
            self._first.set()
            if self._ended.wait(self._every_s):
                return

    def _tell(self, failure: str) -> None:
        # no message of an error: it may hold an address with a password in it
        if failure and not self._failing:
            _log.warning("%s cannot be read: %s; the last reading holds", self.name, failure)
        elif self._failing and not failure:
            _log.warning("%s can be read again", self.name)
        self._failing = bool(failure)
