"""Progress, to standard error: a bar where a person looks, plain lines in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

EVERY_S = 5.0
"""How often a log hears of a long count."""


class CountProgress:
    """Counts things up, such as signals."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._done = 0
        self._began = time.monotonic()
        self._told = self._began
        self._person = sys.stderr.isatty()

    @property
    def done(self) -> int:
        """How many so far."""
        return self._done

    def add(self, more: int) -> None:
        """So many more."""
        self._done += more
        now = time.monotonic()
        if self._person or now - self._told >= EVERY_S:
            self._told = now
            self._write()

    def close(self) -> None:
        """Say the end count."""
        self._write()
        if self._person:
            sys.stderr.write("\n")

    def _write(self) -> None:
        took = max(time.monotonic() - self._began, 1e-9)
        start, end = ("\r", "") if self._person else ("", "\n")
        sys.stderr.write(
            f"{start}  {self._done:,} {self._what}, {self._done / took:,.0f} a second{end}"
        )
        sys.stderr.flush()


@contextmanager
def counting(what: str) -> Iterator[CountProgress]:
    """A counter that says its end."""
    counter = CountProgress(what)
    try:
        yield counter
    finally:
        counter.close()


class TrainingProgress:
    """Phases as lines, the search as a bar with the best loss so far."""

    def __init__(self) -> None:
        self._person = sys.stderr.isatty()
        self._began = time.monotonic()
        self._open = False

    def phase(self, text: str) -> None:
        """A new phase begins."""
        self._end()
        sys.stderr.write(f"  {time.monotonic() - self._began:5.1f} s  {text}\n")

    def warn(self, text: str) -> None:
        """Something about the data that a person should know."""
        self._end()
        sys.stderr.write(f"  warning: {text}\n")

    def trial(self, done: int, of: int, best: float) -> None:
        """A trial of the search is done."""
        filled = round(30 * done / of)
        line = (
            f"  [{'#' * filled}{'.' * (30 - filled)}] trial {done}/{of}, best log loss {best:.5f}"
        )
        if self._person:
            sys.stderr.write("\r" + line)
            self._open = True
            if done == of:
                self._end()
        elif done == of or done % 5 == 0:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def _end(self) -> None:
        if self._open:
            sys.stderr.write("\n")
            self._open = False
