"""Backpressure: how many events the service holds at once before it answers 429.

The bound keeps memory bounded and tells producers early: a refused event is still the producer's,
an accepted one is committed.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from serving.problems import Saturated

LEAST_S, MOST_S = 1, 10
"""Bounds of the Retry-After that is given."""

SMOOTHING = 0.2
"""The weight of the newest request in the time that an event takes."""


class IntakeLimiter:
    """Admits events up to `limit` in flight, over all requests. Safe to use from many threads.

    A request larger than the limit is admitted when nothing else is in flight.
    """

    def __init__(self, limit: int, timer: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self.waiting = 0
        self.refused = 0
        self.newest_s = 0.0
        self._timer = timer
        self._event_s = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def admitted(self, events: int) -> Iterator[None]:
        """Hold so many events until the block ends. Raises Saturated."""
        with self._lock:
            if self.waiting and self.waiting + events > self.limit:
                self.refused += 1
                raise Saturated(
                    f"{self.waiting} events are being taken in, at most {self.limit} are",
                    rule="saturated",
                    todo="Retry after the time in Retry-After.",
                    retry_after_s=self._until_free(),
                )
            self.waiting += events
        began = self._timer()
        try:
            yield
        finally:
            self._done(events, self._timer() - began)

    def _done(self, events: int, seconds: float) -> None:
        with self._lock:
            per_event = seconds / max(self.waiting, 1)
            self.waiting -= events
            self.newest_s = seconds
            self._event_s += SMOOTHING * (per_event - self._event_s)

    def _until_free(self) -> int:
        """How long what waits is likely to take, in whole seconds."""
        return min(MOST_S, max(LEAST_S, math.ceil(self.waiting * self._event_s)))
