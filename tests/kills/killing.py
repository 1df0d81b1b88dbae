"""Commands that are killed at moments drawn over their whole life, and what the kills met."""

import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.soak.commands import Command, finish, fork, until

AT_ONCE_S = 0.03
"""A kill at a commit point comes within this after something was written."""
MOST_S = 600.0
"""No command takes longer, however busy the machine."""
DRAWS = 20
"""So many draws at most, for each kill, of a moment before the command has ended."""
Print = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Victim:
    """A command that is killed: its words, its environment, and where it writes.

    `watched` are glob patterns, seen from the folder of the home: what is written to them marks
    the command's commit points. `usual_s` is how long it takes undisturbed, `ends_with` its exit
    code then.
    """

    environment: dict[str, str]
    words: Sequence[str]
    watched: Sequence[str]
    usual_s: float
    ends_with: int = 0

    @property
    def folder(self) -> Path:
        """The folder that holds the home, and what the command writes beside it."""
        return Path(self.environment["LEADSCORE_HOME"]).parent

    def begin(self) -> Command:
        return fork(self.environment, *self.words)

    def finish(self) -> None:
        """Run it to its end, which must be the one that it has undisturbed."""
        run = self.begin()
        until(lambda: run.ended() is not None, MOST_S)
        assert run.ended() == self.ends_with, (self.folder / "said").read_text()[-2000:]

    def written(self) -> Print:
        """What changes when it writes to what is watched."""
        return tuple(_prints(self.folder, self.watched))


def timed(environment: dict[str, str], *words: str) -> float:
    """Run a command undisturbed; how long it took, seconds."""
    began = time.monotonic()
    finish(fork(environment, *words), environment, MOST_S)
    return time.monotonic() - began


def _prints(folder: Path, watched: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    for pattern in watched:
        for path in sorted(folder.glob(pattern)):
            try:
                held = path.stat()
            except FileNotFoundError:
                continue
            yield str(path), held.st_size, held.st_mtime_ns


@dataclass
class Kills:
    """Draws moments, kills, and counts in which phase of the command each kill fell."""

    rng: random.Random
    most: int
    phases: Counter[str] = field(default_factory=Counter)
    ended: int = 0
    """How often a command was done before its moment came."""
    lasted_s: dict[tuple[str, ...], float] = field(default_factory=dict)
    """How long each command took when it was last done before its moment came."""

    @property
    def count(self) -> int:
        return self.phases.total()

    @property
    def spent(self) -> bool:
        return self.count >= self.most

    def strike(self, victim: Victim, phase: Callable[[], str]) -> bool:
        """Begin the command and kill it, at any moment or soon after something was written.

        False where it ended before, well or by refusing what is done already. `phase` says
        afterwards how far it had come.
        """
        began, run = time.monotonic(), victim.begin()
        self._wait(victim, run)
        if run.ended() is None:
            run.tell(signal.SIGKILL)
        code = run.ended()
        if code == -signal.SIGKILL:
            self.phases[phase()] += 1
            return True
        assert code in (0, 1), (victim.folder / "said").read_text()[-2000:]
        self.ended += 1
        self.lasted_s[tuple(victim.words)] = time.monotonic() - began
        assert self.ended <= DRAWS * self.most
        return False

    def _wait(self, victim: Victim, run: Command) -> None:
        if not victim.watched or self.rng.random() < 0.5:
            usual_s = self.lasted_s.get(tuple(victim.words), victim.usual_s)
            end = time.monotonic() + self.rng.uniform(0, usual_s)
            until(lambda: time.monotonic() >= end or run.ended() is not None, MOST_S)
            return
        for _ in range(self.rng.randint(1, 4)):
            self._until_written(victim, run)
        time.sleep(self.rng.uniform(0, AT_ONCE_S))

    def _until_written(self, victim: Victim, run: Command) -> None:
        before = victim.written()
        until(lambda: victim.written() != before or run.ended() is not None, MOST_S)

    def report(self, capsys: pytest.CaptureFixture[str], kind: str, more: str) -> None:
        """Tell whoever runs the proof where the kills fell."""
        report(capsys, kind, self.phases, f"{self.ended} ended before their moment, {more}")


def report(capsys: pytest.CaptureFixture[str], kind: str, phases: Counter[str], more: str) -> None:
    """Tell whoever runs the proof where the kills fell."""
    fell = ", ".join(f"{name}: {n}" for name, n in sorted(phases.items()))
    with capsys.disabled():
        sys.stdout.write(f"\n{kind}: {phases.total()} kills ({fell}); {more}\n")
