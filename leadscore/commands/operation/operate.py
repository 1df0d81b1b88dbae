"""Commands of the operating loop: run it, do once what is due, show what it did."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from config.extras import require
from domain.errors import Refused
from leadscore.terminal.options import AsJson
from leadscore.terminal.output import put, put_json, put_table, say

if TYPE_CHECKING:
    from config.settings import Settings
    from jobs.operate.run import Run
    from jobs.operate.status import JobStatus, LeaseStatus

operate = typer.Typer(
    help="Do what is due, on a schedule: rollouts, reports, alarms, retraining, backups.",
    rich_markup_mode=None,
    invoke_without_command=True,
)
MetricsPort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Serve Prometheus metrics there.")
]


@operate.callback()
def run(context: typer.Context, metrics_port: MetricsPort = None) -> None:
    """Do what is due, when it is due, until interrupted. Of several, one works, the others wait."""
    if context.invoked_subcommand is not None:
        return
    from jobs.operate.loop import open_loop
    from jobs.operate.metrics import serve_metrics
    from jobs.operate.operating import operate as run_loop
    from telemetry.logs import told_once

    settings = _settings()
    loop = open_loop(settings, lambda line: say(told_once(settings.logs, line)))
    if metrics_port is not None:
        serve_metrics(loop.store, loop.holder, metrics_port)
    loop.tell(f"operating as {loop.holder}; Ctrl-C ends it when what runs has ended, twice at once")
    run_loop(loop)


@operate.command("once")
def once(
    now: Annotated[bool, typer.Option("--now", help="Every job, due or not.")] = False,
    as_json: AsJson = False,
) -> None:
    """Do all that is due, then end; exit 1 where something was refused, failed or must be seen."""
    from jobs.operate.loop import open_loop
    from jobs.operate.operating import operate_once
    from jobs.operate.run import ENDED_WELL

    runs = operate_once(open_loop(_settings(), say), force=now)
    if as_json:
        put_json(runs)
    elif not runs:
        put("nothing is due")
    worse = [f"{run.job} {run.outcome}" for run in runs if run.outcome not in ENDED_WELL]
    if worse:
        raise Refused(", ".join(worse), rule="operate-outcome")


@operate.command("status")
def status(as_json: AsJson = False) -> None:
    """What ran, when, with what outcome; what comes next; whose turn it is."""
    from jobs.operate.status import status_of

    state = status_of(_settings())
    if as_json:
        put_json(state)
        return
    put(_lease_line(state.lease))
    put_table(["job", "outcome", "ended", "next"], [_row(job) for job in state.jobs])
    _put_runs(state.runs)


@operate.command("run-job", hidden=True)
def run_job(number: int) -> None:
    """Run one job that the loop has begun; it is for the loop alone."""
    from jobs.operate.child import run_job as run_here

    run_here(_settings(), number)


def _settings() -> "Settings":
    from config.settings import load_settings, quiet_libraries

    require("operate")
    quiet_libraries()
    return load_settings()


def _lease_line(lease: "LeaseStatus | None") -> str:
    if lease is None:
        return "nobody has operated this home yet"
    if not lease.current:
        return f"nobody operates now; {lease.holder} did last"
    return f"{lease.holder} operates; its lease counts until {lease.until[:19]}Z"


def _row(job: "JobStatus") -> list[str]:
    last = job.last
    outcome = "never ran" if last is None else last.outcome
    ended = "" if last is None or last.ended_us is None else _moment(last.ended_us)
    return [job.job, outcome, ended, _next(job)]


def _next(job: "JobStatus") -> str:
    if not job.enabled:
        return "off"
    if job.again_after:
        return f"again after {job.again_after[:16]}"
    if job.due:
        return "due"
    return job.next[:16] or "runs"


def _moment(us: int) -> str:
    from domain.clock import iso

    return iso(us)[:16]


def _put_runs(runs: "Sequence[Run]") -> None:
    if runs:
        put()
    for run in runs:
        again = f", attempt {run.attempt}" if run.attempt > 1 else ""
        put(f"{_moment(run.started_us)}  {run.job}: {run.outcome}{again}")
        for line in run.notes:
            put(f"    {line}")
