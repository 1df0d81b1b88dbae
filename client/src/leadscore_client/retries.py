"""When a request is sent again: as the service says, and no longer than a caller waits."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

RETRIED = frozenset({429, 503})


class Retries(msgspec.Struct, frozen=True, kw_only=True):
    """`attempts` in all, 1 or more; a wait above `most_wait_s` seconds is not waited for."""

    attempts: int = 3
    most_wait_s: float = 10.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts == {self.attempts}, must be >= 1")

    def wait_s(
        self, done: int, status: int, headers: Mapping[str, str], now: datetime | None = None
    ) -> float | None:
        """How long to wait before the next attempt, after so many; None: there is none."""
        if done >= self.attempts or status not in RETRIED:
            return None
        wait_s = retry_after_s(headers.get("retry-after", ""), now or datetime.now(UTC))
        return None if wait_s is None or wait_s > self.most_wait_s else wait_s


STANDARD = Retries()


def retry_after_s(header: str, now: datetime) -> float | None:
    """The seconds of a Retry-After header, a number or a date; None where it is neither.

    >>> retry_after_s("2", datetime(2026, 1, 1, tzinfo=UTC))
    2.0
    >>> retry_after_s("Thu, 01 Jan 2026 00:00:05 GMT", datetime(2026, 1, 1, tzinfo=UTC))
    5.0
    """
    if header.isascii() and header.isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
