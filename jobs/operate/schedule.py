"""When a job is due next: a pure function of its schedule and of its newest run."""

from datetime import UTC
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import msgspec

from domain.clock import SECOND, from_us, to_us
from jobs.operate.run import Run

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

MINUTE = 60 * SECOND
LONGEST_BACKOFF = 6 * 60 * MINUTE
"""However often a run failed, it is tried again after so long at most."""
ALLOWED_INTERRUPTIONS = 2
"""So often in a row a run that was broken off is begun again at once; then after a while."""


class Schedule(Protocol):
    """The part of a job's schedule that says when."""

    @property
    def every_minutes(self) -> float | None:
        """The time between two runs."""
        ...

    @property
    def cron(self) -> str | None:
        """Minute, hour, day, month, day of the week."""
        ...

    @property
    def retries(self) -> int:
        """How often a run that failed is tried again."""
        ...

    @property
    def backoff_minutes(self) -> float:
        """How long before the first time."""
        ...


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """When a run is due: `due_us` by the home's clock, and not before `wait_until_us` by ours.

    `attempt` counts from 1 how often it was begun, `failures` how often of these it failed.
    """

    due_us: int
    attempt: int = 1
    failures: int = 0
    wait_until_us: int = 0

    def reached(self, moment_us: int, now_us: int) -> bool:
        """Whether it is due at a moment of the home, now by this machine's clock."""
        return self.due_us <= moment_us and self.wait_until_us <= now_us


def next_due(schedule: Schedule, last: Run | None, moment_us: int) -> Due | None:
    """When a job is due next; None while it runs. A job that never ran is due at once.

    Moments that were missed count once: the next one is after the newest run began.
    """
    if last is None:
        return Due(due_us=moment_us)
    if last.outcome == "running":
        return None
    again = _again(schedule, last)
    if again is not None:
        return again
    return Due(due_us=_after(schedule, max(last.due_us, last.moment_us)))


def _again(schedule: Schedule, last: Run) -> Due | None:
    """The same run once more, where it was broken off or failed; None where it is settled."""
    ended = last.ended_us or last.started_us
    if last.outcome == "interrupted":
        broken = last.attempt - last.failures
        wait = 0 if broken <= ALLOWED_INTERRUPTIONS else _backoff(schedule, broken)
    elif last.outcome in ("failed", "timed_out") and last.failures < schedule.retries:
        wait = _backoff(schedule, last.failures + 1)
    else:
        return None
    failed = last.failures + (last.outcome != "interrupted")
    return Due(
        due_us=last.due_us, attempt=last.attempt + 1, failures=failed, wait_until_us=ended + wait
    )


def _backoff(schedule: Schedule, times: int) -> int:
    return min(round(schedule.backoff_minutes * MINUTE) << min(times - 1, 20), LONGEST_BACKOFF)


def _after(schedule: Schedule, moment_us: int) -> int:
    """The first moment of a schedule that is later than this one."""
    if schedule.every_minutes is not None:
        step = round(schedule.every_minutes * MINUTE)
        return (moment_us // step + 1) * step
    fires = _trigger(schedule.cron or "").get_next_fire_time(None, from_us(moment_us + 1))
    if fires is None:
        raise ValueError("it is never due")
    return to_us(fires)


def check_cron(text: str) -> None:
    """Raise ValueError where a cron expression cannot be read, or is never due."""
    fields = text.split()
    if len(fields) == 5 and any(sign.isdigit() for sign in fields[4]):
        # there is no telling whether 0 is meant for Sunday, as in crontab, or for Monday
        raise ValueError(f"cron {text!r}: name the days of the week, such as mon or mon-fri")
    try:
        fires = _trigger(text).get_next_fire_time(None, from_us(0))
    except ValueError as bad:
        raise ValueError(f"cron {text!r}: {bad}") from None
    if fires is None:
        raise ValueError(f"cron {text!r} is never due")


@lru_cache(maxsize=64)
def _trigger(text: str) -> "CronTrigger":
    from apscheduler.triggers.cron import CronTrigger

    return CronTrigger.from_crontab(text, timezone=UTC)
