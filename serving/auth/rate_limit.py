"""How often a caller may ask: a token bucket each."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

CALLERS = 10_000
"""Callers that are remembered; whoever was not seen for longest is forgotten first."""


class RateLimiter:
    """Token buckets: `per_s` requests a second for each caller, `burst` at once; 0: no limit.

    `timer` returns seconds. Used by one thread only, that of the event loop.
    """

    def __init__(
        self, per_s: float, burst: int, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._timer = timer
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: str) -> int:
        """0 where the caller may ask now, which counts; else whole seconds until it may."""
        if not self._per_s:
            return 0
        now = self._timer()
        left, at = self._buckets.pop(caller, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_s)
        allowed = left >= 1
        self._buckets[caller] = (left - 1 if allowed else left, now)
        if len(self._buckets) > CALLERS:
            self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((1 - left) / self._per_s))
