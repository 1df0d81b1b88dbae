"""The job of effects: what waits for its receivers is delivered."""

from collections.abc import Iterator

from jobs.effects.delivery import ConnectorDelivery, open_deliverer
from jobs.operate.job import JobRun
from jobs.operate.run import JobResult
from wiring.workflow import has_workflow

LEFT_S = 60.0
"""So long before its limit the job claims nothing more."""


def deliver(run: JobRun) -> JobResult:
    """Deliver what is due; alarmed where an effect became a dead letter."""
    if not has_workflow(run.settings):
        return JobResult(outcome="idle", notes=("nothing has asked for an effect yet",))
    limit_s = max(run.rules.enabled["effects"].limit_minutes * 60 - LEFT_S, LEFT_S / 2)
    deliveries = open_deliverer(run.settings).deliver(limit_s, run.check)
    notes = tuple(note for one in deliveries for note in _notes(one))
    if any(one.dead for one in deliveries):
        return JobResult(outcome="alarmed", notes=notes)
    if any(one.reason for one in deliveries):
        return JobResult(outcome="held", notes=notes)
    delivered = any(one.delivered for one in deliveries)
    return JobResult(outcome="done" if delivered else "idle", notes=notes)


def _notes(one: ConnectorDelivery) -> Iterator[str]:
    counts = [(one.delivered, "delivered"), (one.postponed, "postponed")]
    counts += [(one.dead, "dead letters: see `leadscore effects list --state dead`")]
    parts = [f"{count} {what}" for count, what in counts if count]
    if parts or one.reason:
        yield f"{one.connector}: {', '.join([*parts, *filter(None, [one.reason])])}"
