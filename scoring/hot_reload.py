"""Follows the registry's local copy, and opens the version that it names when that changes.

A new version is opened and checked before the old one is dropped; where it cannot be opened the old
one stays in use.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread
from typing import Generic, TypeVar

from registry.cache import STAGES_FILE

T = TypeVar("T")
Stamp = tuple[int, int] | None
"""Which file it is; None where there is none, or none that can be read."""
log = logging.getLogger(__name__)


Aside = Callable[[Callable[[], None]], None]
"""Does something, now or soon, where nobody waits for it."""


def in_background(work: Callable[[], None]) -> None:
    """Do it in a thread of its own."""
    Thread(target=work, name="follower", daemon=True).start()


def at_once(work: Callable[[], None]) -> None:
    """Do it here and now: for what is quickly opened."""
    work()


class HotReloader(Generic[T]):
    """What `opened` gives, as of the newest `stages.json` of a cache folder that could be opened.

    `name` is what the log calls it. Safe to use from many threads.
    """

    def __init__(
        self,
        cache: Path,
        opened: Callable[[], T],
        interval_s: float,
        monotonic: Callable[[], float],
        name: str,
        aside: Aside = in_background,
    ) -> None:
        """The cache is looked at no more often than every `interval_s` seconds.

        `aside` does what takes long where no request waits for it: what is new is opened there.
        """
        self._cache = cache
        self._opened = opened
        self._interval = interval_s
        self._monotonic = monotonic
        self._name = name
        self._aside = aside
        self._opening, self._looking = Lock(), Lock()
        self._current: T | None = None
        self._stamp_seen: Stamp = None
        self._refused: list[Stamp] = []
        self._next = 0.0

    def current(self) -> T:
        """What holds now. Raises what `opened` raises where it never opened.

        The first call opens it and waits; after that nobody waits: what is new holds once it is
        opened, and until then, or where it cannot be, what held before.
        """
        version = self._current
        if version is None:
            with self._opening:
                return self._current or self._first()
        if self._monotonic() >= self._next and self._looking.acquire(blocking=False):
            self._next = self._monotonic() + self._interval
            if self._stamp() == self._stamp_seen:
                self._looking.release()
            else:
                self._aside(self._swap)
        return self._current or version

    def _first(self) -> T:
        self._next = self._monotonic() + self._interval
        stamp = self._stamp()
        opened = self._opened()
        self._current, self._stamp_seen = opened, stamp
        return opened

    def _swap(self) -> None:
        stamp = self._stamp()
        try:
            self._current, self._stamp_seen = self._opened(), stamp
        except Exception as bad:  # whatever is wrong with it, it must not answer
            # its files may be mended, so it is tried again at each look, and told of once
            if [stamp] != self._refused:
                log.warning("the %s in force stays as it is: %s", self._name, bad)
            self._refused = [stamp]
        finally:
            self._looking.release()

    def _stamp(self) -> Stamp:
        try:
            status = (self._cache / STAGES_FILE).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino
