"""Time: aware, in UTC, handed in. Inside, a moment is an integer of microseconds since 1970."""

from datetime import UTC, datetime, timedelta
from time import monotonic_ns
from typing import Protocol

SECOND = 1_000_000
DAY = 86_400 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Whatever tells the present moment."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    def now_us(self, watermark_us: int) -> int:
        """The present moment, for who has just read the log's watermark; in microseconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)

    def now_us(self, watermark_us: int) -> int:  # noqa: ARG002
        """The present moment, whatever the log knows."""
        return to_us(self.now())


class FixedClock:
    """A clock that only moves when it is moved: for tests, replays and rehearsals."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment.astimezone(UTC)

    def now(self) -> datetime:
        """The moment it was set to."""
        return self.moment

    def now_us(self, watermark_us: int) -> int:  # noqa: ARG002
        """The moment it was set to."""
        return to_us(self.moment)


def monotonic_us() -> int:
    """Microseconds on the process's monotonic clock: for spans, not for moments."""
    return monotonic_ns() // 1_000


def to_us(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime; exact.

    >>> to_us(datetime(1970, 1, 2, tzinfo=UTC))
    86400000000
    """
    if moment.tzinfo is None:
        raise ValueError("moment has no time zone, must be aware")
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def from_us(us: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970; exact.

    >>> from_us(86400000000).isoformat()
    '1970-01-02T00:00:00+00:00'
    """
    return _EPOCH + timedelta(microseconds=us)


def iso(us: int) -> str:
    """RFC 3339 text of microseconds since 1970, in UTC.

    >>> iso(0)
    '1970-01-01T00:00:00Z'
    """
    return from_us(us).isoformat().replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """An aware UTC datetime from RFC 3339 text; a date alone means midnight UTC.

    Raises ValueError where the text is no date, or has a time but no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        if len(text) > len("2026-01-01"):
            raise ValueError(f"{text!r} has no time zone, must end in Z or an offset")
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)
