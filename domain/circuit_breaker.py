"""A circuit breaker: a dependency that fails repeatedly is skipped for a while, then tried once."""

from collections.abc import Callable
from threading import Lock

FAILURES = 3
"""So many failures in a row open it."""
OPEN_S = 1.0
"""How long it stays open before one call is let through to try."""


class CircuitBreaker:
    """Closed, open, or half open. Safe to use from many threads.

    `monotonic` returns seconds that never go backwards. While open, `allows` returns False, but
    True to one caller every `open_s` seconds, whose success or failure then decides.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        on_change: Callable[[int], object] = bool,
        failures: int = FAILURES,
        open_s: float = OPEN_S,
    ) -> None:
        """`on_change` hears 1 when it opens and 0 when it closes."""
        self._monotonic = monotonic
        self._on_change = on_change
        self._most = failures
        self._open_s = open_s
        self._lock = Lock()
        self._failed = 0
        self._again = 0.0

    @property
    def is_open(self) -> bool:
        """Whether calls are kept away."""
        return self._failed >= self._most

    def allows(self) -> bool:
        """Whether this caller may try; then it must tell `worked` or `failed`."""
        if not self.is_open:
            return True
        with self._lock:
            now = self._monotonic()
            if self.is_open and now < self._again:
                return False
            # who is let through and never tells how it went must not keep it open for ever
            self._again = now + self._open_s
            return True

    def worked(self) -> None:
        """A call went well: closed."""
        if self._failed:
            with self._lock:
                was_open, self._failed = self.is_open, 0
            if was_open:
                self._on_change(0)

    def failed(self) -> None:
        """A call failed."""
        with self._lock:
            self._failed += 1
            self._again = self._monotonic() + self._open_s
            opened = self._failed == self._most
        if opened:
            self._on_change(1)
