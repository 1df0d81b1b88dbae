"""The job of retention: what is too old, or was left by killed processes, goes."""

from collections.abc import Iterator
from pathlib import Path

from config.settings import Settings
from domain.clock import DAY
from jobs.operate.job import JobRun
from jobs.operate.run import JobResult
from jobs.operate.stores import open_runs
from storage.owned_folder import remove_old
from wiring.tidying import tidy

DAY_S = 86_400.0
CURRENT = frozenset({"report.html", "report.json"})
"""Of the reports, the newest: triggers look at it however old it is."""


def clear(run: JobRun) -> JobResult:
    """Remove old reports and logs, working folders whose makers are gone, and old runs."""
    run.check()
    settings, days = run.settings, run.rules.retention
    store = open_runs(settings)
    removed = {
        "reports": len(remove_old(_reports(settings), days.reports_days * DAY_S)),
        "logs": len(remove_old((settings.home / "logs").glob("*.log*"), days.logs_days * DAY_S)),
        "folders and files of killed processes": len(tidy(settings)),
        "runs of this loop": store.forget(store.now_us - round(days.runs_days * DAY)),
    }
    notes = tuple(f"{count:,} {what} removed" for what, count in removed.items() if count)
    return JobResult(outcome="done" if notes else "idle", notes=notes or ("nothing is too old",))


def _reports(settings: Settings) -> Iterator[Path]:
    """The reports' files, but the current ones; what is in folders is their makers'."""
    for path in (settings.home / "reports").glob("*"):
        if path.name not in CURRENT and not path.is_dir():
            yield path
