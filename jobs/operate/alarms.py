"""The job of alarms: what is wrong is looked for, kept, and told to those who are to hear of it."""

from collections.abc import Iterator

from config.settings import Settings
from jobs.alerts.alarms import alarms
from jobs.alerts.watch import JobOutcome
from jobs.operate.job import JobRun
from jobs.operate.rules import OperateRules
from jobs.operate.run import JobResult
from jobs.operate.stores import open_runs


def look(run: JobRun) -> JobResult:
    """Look at the home and at the loop's own jobs; alarmed while an alarm is open."""
    result = alarms(run.settings, tuple(_jobs(run.settings, run.rules)))
    notes = tuple(f"{alarm.kind}: {alarm.subject}" for alarm in result.open)
    blind = tuple(f"nobody could look: {reason}" for reason in result.blind)
    if notes:
        return JobResult(outcome="alarmed", notes=(*notes, *blind))
    if blind:
        return JobResult(outcome="held", notes=blind)
    return JobResult(notes=("nothing is wrong",))


def _jobs(settings: Settings, rules: OperateRules) -> Iterator[JobOutcome]:
    """The newest run of each job: failed where no further attempt is due."""
    for job, run in open_runs(settings).newest().items():
        rule = rules.declared.get(job)
        spent = rule is None or run.failures > rule.retries
        yield JobOutcome(job=job, failed=run.outcome in ("failed", "timed_out") and spent)
