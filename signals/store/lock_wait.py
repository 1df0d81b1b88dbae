"""Waiting for another thread's turn, for a bounded time."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from domain.errors import Unavailable


@contextmanager
def turn(lock: Lock, wait_s: float, others: str = "others write to the log") -> Iterator[None]:
    """Hold a lock that is waited for so many seconds at most, -1 for no bound.

    Raises Unavailable, which says what `others` do.
    """
    if not lock.acquire(timeout=wait_s):
        raise Unavailable(others, rule="log-available", todo="Try again.")
    try:
        yield
    finally:
        lock.release()
