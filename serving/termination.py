"""SIGTERM and SIGINT as an exception, for as long as a server wants to hear of them."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(BaseException):
    """SIGTERM or SIGINT was received."""


@contextmanager
def until_told() -> Iterator[dict[int, bool]]:
    """Make SIGTERM and SIGINT raise Terminated, as long as the yielded dictionary holds them."""
    armed = {signal.SIGTERM.value: True, signal.SIGINT.value: True}

    def tell(number: int, _frame: FrameType | None) -> None:
        if armed.get(number):
            raise Terminated

    before = {number: signal.signal(number, tell) for number in list(armed)}
    try:
        yield armed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
