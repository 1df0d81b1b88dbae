"""Follows the registry's local copy: opens what it names anew when it changes.

What is new is opened and checked before the old leaves; what cannot be opened never answers, and
the old stays.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from domain.errors import LeadscoreError
from registry.cache import STAGES_FILE

T = TypeVar("T")
log = logging.getLogger(__name__)


class Follower(Generic[T]):
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
    ) -> None:
        """The cache is looked at no more often than every `interval_s` seconds."""
        self._cache = cache
        self._opened = opened
        self._interval = interval_s
        self._monotonic = monotonic
        self._name = name
        self._lock = Lock()
        self._held: T | None = None
        self._seen: tuple[int, int] | None = None
        self._refused: tuple[int, int] | None = None
        self._next = 0.0

    def current(self) -> T:
        """What holds now. Raises what `opened` raises where it never opened."""
        held = self._held
        if held is not None and self._monotonic() < self._next:
            return held
        with self._lock:
            return self._refresh()

    def _refresh(self) -> T:
        self._next = self._monotonic() + self._interval
        stamp = self._stamp()
        if self._held is not None and stamp == self._seen:
            return self._held
        try:
            self._held = self._opened()
            self._seen = stamp
        except (LeadscoreError, OSError) as bad:
            if self._held is None:
                raise
            # its files may be mended, so it is tried again at each look, and told of once
            if stamp != self._refused:
                log.warning("the %s in force stays as it is: %s", self._name, bad)
            self._refused = stamp
        return self._held

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = (self._cache / STAGES_FILE).stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino
