"""Progress, to standard error: rich's bars where a person looks, plain lines in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leadscore.terminal.output import say

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

EVERY_S = 5.0
"""How often a log hears of a long count."""
TRIALS = 5
"""After so many trials a log hears of them."""
_COUNTED = "  {task.completed:,.0f} {task.description}, {task.fields[rate]:,.0f} a second"
_TRIALS = "trial {task.completed:.0f}/{task.total:.0f}, best log loss {task.fields[best]:.5f}"


class CountProgress:
    """Counts things up, such as signals."""

    def __init__(self, what: str, bar: "Progress | None") -> None:
        self._what = what
        self._bar = bar
        self._task = None if bar is None else bar.add_task(what, total=None, rate=0.0)
        self._done = 0
        self._began = self._reported = time.monotonic()

    @property
    def done(self) -> int:
        """How many so far."""
        return self._done

    def add(self, more: int) -> None:
        """So many more."""
        self._done += more
        now = time.monotonic()
        if self._bar is not None or now - self._reported >= EVERY_S:
            self._reported = now
            self.tell()

    def tell(self) -> None:
        """Say how many there are."""
        rate = self._done / max(time.monotonic() - self._began, 1e-9)
        if self._bar is None or self._task is None:
            say(f"  {self._done:,} {self._what}, {rate:,.0f} a second")
        else:
            self._bar.update(self._task, completed=self._done, rate=rate)


@contextmanager
def counting(what: str) -> Iterator[CountProgress]:
    """A counter that says its end."""
    from rich.progress import TextColumn

    with _bar(TextColumn(_COUNTED, markup=False)) as bar:
        counter = CountProgress(what, bar)
        try:
            yield counter
        finally:
            counter.tell()


class TrainingProgress:
    """Phases as lines, the search as a bar with the best loss so far."""

    def __init__(self, bar: "Progress | None") -> None:
        self._bar = bar
        self._began = time.monotonic()

    def phase(self, text: str) -> None:
        """A new phase begins."""
        say(f"  {time.monotonic() - self._began:5.1f} s  {text}")

    def warn(self, text: str) -> None:
        """Something about the data that a person should know."""
        say(f"  warning: {text}")

    def trial(self, done: int, of: int, best: float) -> None:
        """A trial of the search is done."""
        if self._bar is None:
            if done == of or done % TRIALS == 0:
                say(f"  trial {done}/{of}, best log loss {best:.5f}")
            return
        searches = [task for task in self._bar.tasks if not task.finished]
        task = searches[0].id if searches else self._bar.add_task("", total=of, best=best)
        self._bar.update(task, total=of, completed=done, best=best)


@contextmanager
def training_progress() -> Iterator[TrainingProgress]:
    """Tells of a training while it lasts."""
    from rich.progress import BarColumn, TextColumn

    with _bar(TextColumn(" "), BarColumn(30), TextColumn(_TRIALS, markup=False)) as bar:
        yield TrainingProgress(bar)


@contextmanager
def _bar(*columns: "ProgressColumn") -> "Iterator[Progress | None]":
    """A place for bars on a person's terminal; None where standard error is none."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    # what is said meanwhile, to standard error, goes above the bar
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as progress:
        yield progress
