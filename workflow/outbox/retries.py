"""When an effect that failed is tried again, and when it is given up."""

from collections.abc import Callable
from typing import Annotated

import msgspec

from domain.clock import DAY, SECOND
from storage.config_numbers import PositiveDays

LONGEST_ASKED_S = 86_400.0
"""A receiver that asks for more than a day is asked again after a day."""
MOST_INTERRUPTIONS = 100
"""So often a process may die over one effect before it is set aside."""


class RetryLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often, and after how long, what failed is tried again.

    After a failure an effect waits `first_seconds`, after each further one twice as long, at most
    `longest_seconds`; less a random part of up to a half, so that what failed together does not
    come again together. After `attempts` failures, or once `give_up_days` have passed since it was
    asked for, it is a dead letter.
    """

    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 16
    first_seconds: Annotated[float, msgspec.Meta(ge=0.01, le=3_600)] = 30.0
    longest_seconds: Annotated[float, msgspec.Meta(ge=0.01, le=86_400)] = 21_600.0
    give_up_days: PositiveDays = 7.0

    def wait_us(self, failures: int, asked_s: float | None, uniform: Callable[[], float]) -> int:
        """How long to wait after so many failures, microseconds; at least what was asked for.

        `uniform` draws from 0 to 1.

        >>> RetryLimits().wait_us(3, None, lambda: 0.0) / 1e6
        120.0
        >>> RetryLimits().wait_us(3, 500.0, lambda: 1.0) / 1e6
        500.0
        """
        doubled = self.first_seconds * 2.0 ** min(max(failures - 1, 0), 60)
        wait = min(doubled, self.longest_seconds) * (1.0 - 0.5 * uniform())
        return round(max(wait, bounded_wait_s(asked_s)) * SECOND)

    def spent(self, failures: int, created_us: int, now_us: int) -> bool:
        """Whether an effect is given up."""
        return failures >= self.attempts or now_us - created_us > self.give_up_days * DAY


def bounded_wait_s(asked_s: float | None) -> float:
    """How long a receiver asks to wait, within bounds.

    >>> [bounded_wait_s(asked) for asked in (None, -1.0, 30.0, 1e12, float("nan"))]
    [0.0, 0.0, 30.0, 86400.0, 0.0]
    """
    if asked_s is None or not asked_s > 0:
        return 0.0
    return min(asked_s, LONGEST_ASKED_S)
