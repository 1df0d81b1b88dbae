"""Interrupts while something is committed: none may say that what is done is not."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_restoring: list[int] = []
"""One for each `interrupts_restored` around: only a command may change what interrupts do."""


class BrokenOff(KeyboardInterrupt):
    """Interrupted while something was being committed: it may be done or not."""


class _Held:
    """Hears of an interrupt once, and lets the next one through."""

    def __init__(self) -> None:
        self._interrupted = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self._interrupted:
            raise BrokenOff
        self._interrupted = True
        sys.stderr.write("\nleadscore: it is being committed; wait, or interrupt again.\n")


def hold_interrupts() -> None:
    """From here on to the end of the command, the first interrupt does not break off.

    Called before what a command commits at its end, so that a command that was heard to be
    interrupted has committed nothing since. Outside of `interrupts_restored` it does nothing.
    """
    if _restoring and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _Held())


@contextmanager
def interrupts_restored() -> Iterator[None]:
    """What interrupts do is as before, once a command has ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    _restoring.append(1)
    try:
        yield
    finally:
        _restoring.pop()
        signal.signal(signal.SIGINT, before)
