"""The loop: takes its turn, begins what is due, watches what runs, and ends what takes too long."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic

from config.settings import Settings
from domain.errors import Unavailable
from jobs.operate.child import Child
from jobs.operate.job_list import JOBS
from jobs.operate.rules import OperateRules, load_rules
from jobs.operate.run import Outcome, Run
from jobs.operate.run_store import Lease, RunStore
from jobs.operate.schedule import Due, next_due
from jobs.operate.stores import home_moment, open_runs

MINUTE_S = 60.0
RENEWALS = 3
"""So often a lease is renewed within its time."""


@dataclass
class Loop:
    """One process's part in operating a home.

    `tell` hears a line of each thing that happens. `wakes` is the one place where the loop waits:
    children put themselves into it when they end, signals put None.
    """

    settings: Settings
    rules: OperateRules
    store: RunStore
    moment: Callable[[], int]
    tell: Callable[[str], None]
    holder: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    wakes: "SimpleQueue[Child | None]" = field(default_factory=SimpleQueue)
    children: dict[str, Child] = field(default_factory=dict)
    ended: list[Run] = field(default_factory=list)
    forced: set[str] = field(default_factory=set)
    lease: Lease | None = None
    stops: int = 0
    sure_until: float = 0.0
    """Up to then the lease is ours for certain, by the clock that nobody sets."""

    @property
    def pause_s(self) -> float:
        """How long it waits at most before it looks again."""
        return self.rules.lease_seconds / RENEWALS

    def wait(self, seconds: float) -> None:
        """Wait for a child's end or a signal, at most so long."""
        try:
            child = self.wakes.get(timeout=max(seconds, 0.0))
        except Empty:
            return
        if child is not None:
            self._settle(child)

    def stop(self) -> None:
        """Begin nothing more; the second time, end what runs."""
        self.stops += 1
        self.wakes.put(None)

    def take_turn(self) -> bool:
        """Take the lease where nobody has it, and tell of what a former holder left undone."""
        began = monotonic()
        self.lease = self.store.take(self.holder, self.rules.lease_seconds)
        if self.lease is None:
            return False
        self.sure_until = began + self.rules.lease_seconds
        for run in self.store.interrupt_former(self.lease):
            self.tell(f"{run.job}: interrupted, attempt {run.attempt}; it is done again")
        return True

    def keep_turn(self) -> bool:
        """Renew the lease; False, and nothing of ours runs any more, where it is lost."""
        if self.lease is None:
            return False
        began = monotonic()
        try:
            self.lease = self.store.renew(self.lease, self.rules.lease_seconds)
            self.sure_until = began + self.rules.lease_seconds
        except Unavailable as bad:
            if began < self.sure_until:
                self.tell(str(bad))
                return True
            self.lease = None
        if self.lease is None:
            self.tell("the lease is lost: another process goes on")
            self._end_all("interrupted", "the lease was lost")
        return self.lease is not None

    def leave(self) -> None:
        """Let another have the turn."""
        if self.lease is not None:
            self.store.leave(self.lease)
            self.lease = None

    def begin_due(self) -> None:
        """Begin every job that is due and waits for none that comes before it."""
        moment_us, newest = self.moment(), self.store.newest()
        due = {name: self._due(name, newest.get(name), moment_us) for name in self.rules.enabled}
        ready = {n: d for n, d in due.items() if d and d.reached(moment_us, self.store.now_us)}
        for name in sorted(ready, key=lambda n: ready[n].attempt):
            if not any(other in ready or other in self.children for other in JOBS[name].after):
                self._begin(name, ready[name], moment_us)

    def _due(self, name: str, last: Run | None, moment_us: int) -> Due | None:
        due = next_due(self.rules.enabled[name], last, moment_us)
        if due is None or name not in self.forced or due.reached(moment_us, self.store.now_us):
            return due
        again = last is not None and last.due_us == moment_us
        return Due(due_us=moment_us, attempt=last.attempt + 1 if last and again else 1)

    def _begin(self, name: str, due: Due, moment_us: int) -> None:
        if self.lease is None:
            return
        run = self.store.begin(self.lease, name, due, moment_us)
        self.forced.discard(name)
        if run is None:
            return
        try:
            self.children[name] = Child(self.settings, run, self.wakes.put)
        except OSError as bad:  # no process, no room for its log
            self.store.end(run, "failed", (f"it could not be begun: {bad.strerror}",))
            self.tell(line_of(self.store.run(run.id)))

    def end_overdue(self) -> None:
        """End the jobs that run longer than they may."""
        for name, child in list(self.children.items()):
            minutes = self.rules.enabled[name].limit_minutes
            if monotonic() - child.began > minutes * MINUTE_S:
                self._end(child, "timed_out", f"it took longer than {minutes:g} minutes")

    def _end_all(self, outcome: Outcome, why: str) -> None:
        for child in list(self.children.values()):
            self._end(child, outcome, why)

    def _end(self, child: Child, outcome: Outcome, why: str) -> None:
        child.stop()
        self._settle(child, outcome, why)

    def _settle(self, child: Child, outcome: Outcome = "failed", why: str = "") -> None:
        """Note the end of a child that did not note it itself, and tell it."""
        if self.children.get(child.run.job) is not child:
            return  # it was ended, and put itself into the queue thereafter
        del self.children[child.run.job]
        notes = why or f"its process ended with {child.code} and said nothing"
        try:
            self.store.end(child.run, outcome, (notes,))
            run = self.store.run(child.run.id)
        except Unavailable as bad:
            self.tell(f"{child.run.job}: {bad}")
            return
        self.ended.append(run)
        self.tell(line_of(run))

    def drain(self) -> None:
        """Let what runs go on for a while after a signal, then end it and say what is undone."""
        until = monotonic() + self.rules.stop_seconds
        stops = self.stops
        while self.children and monotonic() < until and self.stops == stops:
            self.wait(min(until - monotonic(), self.pause_s))
            self.keep_turn()
        self._end_all("interrupted", "the loop was told to stop; it is done again")


def line_of(run: Run) -> str:
    """A run in one line: `rollouts: held, rollout-5 …`."""
    again = f", attempt {run.attempt}" if run.attempt > 1 else ""
    return f"{run.job}: {run.outcome}{again}{': ' if run.notes else ''}{'; '.join(run.notes)}"


def open_loop(settings: Settings, tell: Callable[[str], None]) -> Loop:
    """A loop over a home. Raises Missing for an empty home, BadConfiguration."""
    rules = load_rules(settings)
    moment = home_moment(settings)
    return Loop(settings, rules, open_runs(settings), moment, tell)
