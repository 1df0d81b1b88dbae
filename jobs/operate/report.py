"""The job of the monitoring report."""

from jobs.models.monitor import write_report
from jobs.operate.job import JobRun
from jobs.operate.run import JobResult


def write(run: JobRun) -> JobResult:
    """Write the report on the champion's recent decisions. Raises NoModel where there are none."""
    run.check()
    folder = run.settings.home / "reports"
    summary = write_report(run.settings, folder, made_us=run.due_us)
    of = f"{summary.meta.decisions:,} decisions of {summary.meta.model}"
    return JobResult(notes=(f"reports/report.html on {of}",))
