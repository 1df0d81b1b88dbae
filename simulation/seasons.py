"""The calendar of a simulation: weekdays, seasons, hours of the day, and the two eras."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from domain.clock import to_us
from simulation.scenarios import Scenario

HORIZON_DAYS = 30
"""How far ahead the true probabilities look; the calendar goes on that long after the end."""

DAY_MS = 86_400_000
HOUR_MS = 3_600_000

_TRAFFIC = np.array([1.15, 1.2, 1.2, 1.1, 1.0, 0.65, 0.7])
_SELLING = np.array([1.2, 1.35, 1.35, 1.3, 1.2, 0.3, 0.3])
_HOURS = np.cumsum(
    [1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 18, 16, 12, 14, 17, 17, 15, 11, 8, 7, 7, 6, 4, 2]
)
_HOUR_SHARES = _HOURS / _HOURS[-1]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of a simulation, and the horizon after them.

    `start_ms` is the first midnight in milliseconds since 1970. By day: `traffic` and `selling`
    are factors with a mean of about 1 on behaviour and on outcomes, `era` is 1 from the day of
    the scenario's shift on and 0 before.
    """

    start_ms: int
    days: int
    traffic: NDArray[np.float64]
    selling: NDArray[np.float64]
    era: NDArray[np.int64]

    @property
    def end_ms(self) -> int:
        """The first midnight after the last day."""
        return self.start_ms + self.days * DAY_MS

    @property
    def shift_ms(self) -> int:
        """The midnight at which the second era begins."""
        return self.start_ms + int(np.count_nonzero(self.era == 0)) * DAY_MS


def calendar(start: datetime, days: int, scenario: Scenario) -> Calendar:
    """The calendar of `days` days from `start`, which is a midnight in UTC."""
    each = np.arange(days + HORIZON_DAYS)
    weekday = (start.weekday() + each) % 7
    phase = 2 * np.pi * (start.timetuple().tm_yday + each) / 365.25
    return Calendar(
        start_ms=to_us(start) // 1000,
        days=days,
        traffic=_TRAFFIC[weekday] * (1 + 0.10 * np.cos(2 * phase)),
        selling=_SELLING[weekday] * (1 + 0.05 * np.cos(2 * phase)),
        era=(each >= round(days * scenario.shift_from)).astype(np.int64),
    )


def times_of_day(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Milliseconds after midnight [count], more of them in working hours."""
    hour = np.searchsorted(_HOUR_SHARES, rng.random(count), side="right")
    return np.minimum(hour, 23) * HOUR_MS + rng.integers(0, HOUR_MS, count)


def working_times(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Milliseconds after midnight [count], evenly between 8 and 18 o'clock."""
    return rng.integers(8 * HOUR_MS, 18 * HOUR_MS, count)
