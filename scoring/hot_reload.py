"""Follows the registry's local copy: opens what it names anew when it changes.

What is new is opened and checked before the old leaves; what cannot be opened never answers, and
the old stays.
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
        self._held: T | None = None
        self._seen: Stamp = None
        self._refused: list[Stamp] = []
        self._next = 0.0

    def current(self) -> T:
        """What holds now. Raises what `opened` raises where it never opened.

        The first call opens it and waits; after that nobody waits: what is new holds once it is
        opened, and until then, or where it cannot be, what held before.
        """
        held = self._held
        if held is None:
            with self._opening:
                return self._held or self._first()
        if self._monotonic() >= self._next and self._looking.acquire(blocking=False):
            self._next = self._monotonic() + self._interval
            if self._stamp() == self._seen:
                self._looking.release()
            else:
                self._aside(self._swap)
        return self._held or held

    def _first(self) -> T:
        self._next = self._monotonic() + self._interval
        stamp = self._stamp()
        held = self._opened()
        self._held, self._seen = held, stamp
        return held

    def _swap(self) -> None:
        stamp = self._stamp()
        try:
            self._held, self._seen = self._opened(), stamp
        except Exception as bad:  # whatever is wrong with it, it must not answer
            # its files may be mended, so it is tried again at each look, and told of once
            if [stamp] != self._refused:
                log.warning("the %s in force stays as it is: %s", self._name, bad)
            self._refused = [stamp]
        finally:
            self._looking.release()

    def _stamp(self) -> Stamp:
        try:
            found = (self._cache / STAGES_FILE).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino
