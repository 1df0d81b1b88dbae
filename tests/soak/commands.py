"""The command line in processes of its own, begun in milliseconds.

A process that has loaded the libraries forks for each command: what runs, and what is killed, is
the command itself. With LEADSCORE_SOAK=1 commands are begun as users begin them, in seconds.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Protocol

from tests import waiting
from tests.conftest import SOAK

LOADED = [
    *("leadscore.cli", "jobs.signals.ingest_files", "jobs.signals.worker", "wiring.features"),
    *("wiring.scoring", "jobs.decisions.batch_scoring", "catboost"),
    *("signals.store.state_kernels", "signals.stream.nats", "feature_repo.store"),
    *(
        "jobs.models.train",
        "jobs.decisions.verify_home",
        "jobs.models.rollouts",
        "registry.tracking",
        "jobs.effects.delivery",
        "tests.kills.workflow_worker",
    ),
]
"""What forked processes of all tests have loaded: a process has one server of them."""
PARTS = "TESTS_LEADS_IN_PART"
"""The variable that says how many leads a part of `score --all` has in a forked command."""
DIES_AT = "TESTS_DIES_AT"
"""The variable N:FILE: once FILE has taken its place, a forked command is killed as it removes its
Nth file."""
forks = get_context("forkserver")
forks.set_forkserver_preload(LOADED)


class Command(Protocol):
    """A command that runs."""

    @property
    def pid(self) -> int:
        """The number of its process."""
        ...

    def ended(self) -> int | None:
        """Its exit code; the negative signal that ended it; None while it runs."""
        ...

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal, and wait for its end."""
        ...


class _Forked:
    def __init__(self, words: tuple[str, ...], environment: Mapping[str, str], out: Path) -> None:
        # what forks began with the first of them, and does not hear of variables that came later
        given = (words, {**os.environ, **environment}, out)
        self._process: ForkServerProcess = forks.Process(target=_main, args=given, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def ended(self) -> int | None:
        return self._process.exitcode

    def tell(self, number: signal.Signals) -> None:
        if self._process.is_alive():
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:  # it does not lead a group of its own yet
                with suppress(ProcessLookupError):
                    os.kill(self.pid, number)
        self._process.join(waiting.PATIENCE_S)


class _Begun:
    def __init__(self, words: tuple[str, ...], environment: Mapping[str, str], out: Path) -> None:
        with out.open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "leadscore", *words],
                env={**os.environ, **environment},
                stdout=stream,
                stderr=stream,
                preexec_fn=heed_interrupts,  # noqa: PLW1509 (no thread holds a lock that it needs)
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self) -> int | None:
        return self._process.poll()

    def tell(self, number: signal.Signals) -> None:
        self._process.send_signal(number)
        self._process.wait(waiting.PATIENCE_S)


def heed_interrupts() -> None:
    """A shell's background jobs are born deaf to SIGINT, and so are their children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def begin(environment: Mapping[str, str], *words: str) -> Command:
    """Begin `leadscore WORDS`; what it says goes to `said` beside its home."""
    return (_Begun if SOAK else _Forked)(words, environment, _out(environment))


def said(environment: Mapping[str, str]) -> str:
    """All that commands of a home have said, one after the other."""
    out = _out(environment)
    return out.read_text() if out.exists() else ""


def _out(environment: Mapping[str, str]) -> Path:
    return Path(environment["LEADSCORE_HOME"]).with_name("said")


def fork(environment: Mapping[str, str], *words: str) -> Command:
    """As `begin`, by a fork always: most of the life of one that is begun is loading libraries."""
    return _Forked(words, environment, _out(environment))


def finish(
    command: Command, environment: Mapping[str, str], seconds: float = waiting.PATIENCE_S
) -> None:
    """Wait for a command to end well."""
    until(lambda: command.ended() is not None, seconds)
    assert command.ended() == 0, said(environment)[-2000:]


def until(fact: Callable[[], bool], seconds: float = waiting.PATIENCE_S) -> None:
    """As that of all tests, looking often enough to meet short moments."""
    waiting.until(fact, seconds, every=0.001)


def _main(words: tuple[str, ...], environment: dict[str, str], out: Path) -> None:
    from jobs.decisions import batch_scoring
    from leadscore.cli import main

    os.setpgid(0, 0)
    heed_interrupts()
    with out.open("ab") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    if PARTS in environment:
        batch_scoring.score_all = partial(batch_scoring.score_all, chunk=int(environment[PARTS]))
    if DIES_AT in environment:
        sys.addaudithook(_killer(environment[DIES_AT]))
    sys.argv = ["leadscore", *words]
    main()


def _killer(told: str) -> Callable[[str, tuple[object, ...]], None]:
    number, _, path = told.partition(":")
    left, placed = int(number), False

    def hear(event: str, given: tuple[object, ...]) -> None:
        nonlocal left, placed
        if event == "os.rename":
            placed = placed or str(given[1]) == path
        elif placed and event == "os.remove":
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    return hear
