"""Which clock a home goes by."""

from datetime import datetime

from config.settings import Settings
from domain.clock import Clock, SystemClock, from_us
from domain.ports import LeadDirectory


class WatermarkClock:
    """The newest moment that the log knows of: for homes of past or simulated events."""

    def __init__(self, directory: LeadDirectory) -> None:
        self._directory = directory

    def now(self) -> datetime:
        """The watermark."""
        return from_us(self._directory.watermark_us())


def clock_of(settings: Settings, directory: LeadDirectory) -> Clock:
    """The home's clock."""
    return SystemClock() if settings.clock == "system" else WatermarkClock(directory)
