"""Which clock a home goes by."""

from collections.abc import Callable
from datetime import datetime

from config.settings import Settings
from domain.clock import Clock, SystemClock, from_us, to_us
from domain.ports import LeadDirectory


class WatermarkClock:
    """The newest moment that the log knows of: for homes of past or simulated events."""

    def __init__(self, directory: LeadDirectory) -> None:
        self._directory = directory

    def now(self) -> datetime:
        """The watermark."""
        return from_us(self._directory.watermark_us())

    def now_us(self, watermark_us: int) -> int:
        """The watermark, which need not be read again."""
        return watermark_us


def clock_of(settings: Settings, directory: LeadDirectory) -> Clock:
    """The home's clock."""
    return SystemClock() if settings.clock == "system" else WatermarkClock(directory)


def home_clock(settings: Settings) -> Clock:
    """The home's clock, where the log is not open yet: it is opened only where it tells the time.

    Raises Missing for an empty home that goes by its log, Unavailable.
    """
    if settings.clock == "system":
        return SystemClock()
    from storage.sql import answering
    from wiring.signals import open_signals  # numba and the log: where they tell the time alone

    with answering("the event log", rule="log-available"):
        return clock_of(settings, open_signals(settings).directory)


def moment_of(settings: Settings) -> Callable[[], int]:
    """What tells the moment of a home, in microseconds since 1970; its clock is opened once.

    Raises as `home_clock` does.
    """
    clock = home_clock(settings)
    return lambda: to_us(clock.now())
