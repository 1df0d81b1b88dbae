"""The job of the workflow: events and timers move leads."""

from jobs.operate.job import JobRun
from jobs.operate.run import JobResult
from jobs.workflow.arrivals import move


def move_leads(run: JobRun) -> JobResult:
    """Take what is new, and fire what is due; each event is taken once however often it runs."""
    run.check()
    moved = move(run.settings)
    counts = (
        (moved.decisions, "decisions read"),
        (moved.signals, "signals read"),
        (moved.moved, "leads moved"),
        (moved.fired, "leads whose timers fired"),
    )
    notes = tuple(f"{count:,} {what}" for count, what in counts if count)
    if moved.left:
        notes += ("more waits than one pass takes",)
    return JobResult(outcome="done" if notes else "idle", notes=notes)
