"""A job in a process of its own: it can be ended whatever it does, and ends with its parent.

The parent holds the child's standard input open and writes nothing: at its end, however it ended,
the child reads so and kills itself with all that it has started.
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import cast

from config.environment import process_environment
from config.settings import Settings
from domain.errors import LeadscoreError, Missing, Refused, Unavailable
from jobs.operate.job import JobRun
from jobs.operate.job_list import JOBS, Job
from jobs.operate.rules import load_rules
from jobs.operate.run import JobResult, Outcome, Run
from jobs.operate.run_store import Lease, RunStore
from jobs.operate.stores import open_runs
from storage.files import private_folder
from telemetry.logs import configure_logs

log = logging.getLogger("leadscore.operate")
RUN_COMMAND = "run-job"
"""The hidden word of `leadscore operate` that runs one job in this process."""
LONGEST_LOG = 4 << 20
"""Bytes that a job's log may have when the job begins."""
ENDS_WITHIN_S = 5.0
"""How long a child may take to end when it is told to."""


class Child:
    """A run that goes on in another process. `ended` is called from a thread once it has ended."""

    def __init__(self, settings: Settings, run: Run, ended: Callable[["Child"], None]) -> None:
        self.run = run
        self.began = monotonic()
        words = [sys.executable, "-m", "leadscore", "operate", RUN_COMMAND, str(run.id)]
        with _log_file(settings, run.job).open("ab") as out:
            self._process = subprocess.Popen(
                words,
                env=process_environment(**settings.environment()),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for the loop to hear, not for its jobs
            )
        Thread(target=self._wait, args=(ended,), daemon=True, name=f"job-{run.job}").start()

    def _wait(self, ended: Callable[["Child"], None]) -> None:
        self._process.wait()
        ended(self)

    @property
    def code(self) -> int | None:
        """Its exit code; a negative signal; None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """End it and all that it has started; it is gone when this returns."""
        self._tell(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDS_WITHIN_S)
        self._tell(signal.SIGKILL)  # what it started may have outlived it
        self._process.wait()

    def _tell(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _log_file(settings: Settings, job: str) -> Path:
    """Where a job writes; what was written before is put aside once it is long."""
    folder = settings.home / "logs"
    private_folder(folder)
    path = folder / f"operate-{job}.log"
    if path.is_file() and path.stat().st_size > LONGEST_LOG:
        path.replace(path.with_name(f"{path.name}.1"))
    return path


def run_job(settings: Settings, number: int) -> None:
    """Run one job that the loop began, in this process, and note how it ended.

    Raises nothing of the job's own: what went wrong is the run's outcome.
    """
    _end_with_parent()
    configure_logs(settings.logs)
    store = open_runs(settings)
    run = store.run(number)
    outcome, notes = _outcome(settings, store, run)
    if not store.end(run, outcome, notes):
        log.warning("run %d of %s counts no longer: another process took over", run.id, run.job)


def _outcome(settings: Settings, store: RunStore, run: Run) -> tuple[Outcome, tuple[str, ...]]:
    try:
        result = _function(JOBS[run.job])(_handed(settings, store, run))
    except LeadscoreError as bad:
        return _of_error(bad), (str(bad),)
    except Exception as bad:
        from wiring.outages import outage

        failure = outage(bad)
        if failure is not None:
            return "failed", (str(failure),)
        log.exception("run %d of %s failed", run.id, run.job)
        return "failed", (f"{type(bad).__name__}: logs/operate-{run.job}.log says where",)
    return result.outcome, result.notes


def _function(job: Job) -> Callable[[JobRun], JobResult]:
    module, _, name = job.function.partition(":")
    return cast("Callable[[JobRun], JobResult]", getattr(import_module(module), name))


def _of_error(bad: LeadscoreError) -> Outcome:
    """What is not there yet is waited for; all other errors ask for somebody."""
    if isinstance(bad, Missing) and not isinstance(bad, Unavailable):
        return "held"
    return "refused" if isinstance(bad, Refused) else "failed"


def _handed(settings: Settings, store: RunStore, run: Run) -> JobRun:
    rules = load_rules(settings)
    lease = Lease(run.holder, run.fence, until_us=0)

    def check() -> None:  # renewed, it counts for as long as the act may take
        if store.renew(lease, rules.lease_seconds) is None:
            raise Unavailable("another process took over", rule="operate-lease")

    return JobRun(
        settings=settings,
        rules=rules,
        due_us=run.due_us,
        began_us=store.first_begun_us(run),
        check=check,
    )


def _end_with_parent() -> None:
    """Kill this process and what it has started once its standard input ends."""

    def read() -> None:
        while os.read(0, 64):
            pass
        os.killpg(0, signal.SIGKILL)

    if os.getpgid(0) == os.getpid():  # the loop began it, with a group of its own
        Thread(target=read, daemon=True, name="parent").start()
