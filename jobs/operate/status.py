"""What the loop did last, what comes next, and whose turn it is."""

import msgspec

from config.settings import Settings
from domain.clock import iso
from jobs.operate.rules import OperateRules, load_rules
from jobs.operate.run import Run
from jobs.operate.run_store import Lease, RunStore
from jobs.operate.schedule import next_due
from jobs.operate.stores import has_runs, home_moment, open_runs

RECENT = 20
"""So many runs are shown."""


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One job: its newest run, and when it is due next; "" while it runs, or where it is off.

    `next` is by the home's clock; `again_after`, after a failure, by the machine's.
    """

    job: str
    enabled: bool
    last: Run | None = None
    next: str = ""
    again_after: str = ""
    due: bool = False


class LeaseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Who had the turn last, until when, and whether it still counts."""

    holder: str
    until: str
    current: bool
    fence: int


class OperateStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The whole loop: jobs, whose turn it is, the newest runs."""

    moment: str
    lease: LeaseStatus | None
    jobs: tuple[JobStatus, ...]
    runs: tuple[Run, ...]


def status_of(settings: Settings) -> OperateStatus:
    """The state of the loop in a home. Raises Missing for an empty home, Unavailable."""
    rules, moment_us = load_rules(settings), home_moment(settings)()
    if not has_runs(settings):
        jobs = tuple(_job(rules, name, None, moment_us, 0) for name in rules.declared)
        return OperateStatus(moment=iso(moment_us), lease=None, jobs=jobs, runs=())
    store = open_runs(settings)
    newest = store.newest()
    return OperateStatus(
        moment=iso(moment_us),
        lease=_lease(store, store.lease()),
        jobs=tuple(
            _job(rules, name, newest.get(name), moment_us, store.now_us) for name in rules.declared
        ),
        runs=tuple(store.runs(RECENT)),
    )


def _lease(store: RunStore, lease: Lease | None) -> LeaseStatus | None:
    if lease is None:
        return None
    return LeaseStatus(
        holder=lease.holder,
        until=iso(lease.until_us),
        current=lease.until_us > store.now_us,
        fence=lease.fence,
    )


def _job(rules: OperateRules, name: str, last: Run | None, moment: int, now: int) -> JobStatus:
    schedule = rules.declared[name]
    due = next_due(schedule, last, moment) if schedule.enabled else None
    if due is None:
        return JobStatus(job=name, enabled=schedule.enabled, last=last)
    return JobStatus(
        job=name,
        enabled=schedule.enabled,
        last=last,
        next=iso(due.due_us),
        again_after=iso(due.wait_until_us) if due.wait_until_us > now else "",
        due=due.reached(moment, now),
    )
