"""What the ledger says of rollouts and retraining, and whether it is what serves."""

from collections.abc import Iterator, Sequence
from typing import get_args

from domain.clock import DAY
from domain.errors import BadInput
from domain.versions.manifest import VersionKind
from jobs.alerts.watch import UNKNOWN, Watched, looked
from monitoring.alarms.alarm import AlarmLook, Sighting
from registry.ledger_entry import LedgerEntry
from wiring.integrity.agreement import standing_stages

RECENT_DAYS = 7
"""A rollout that ended by itself is an alarm for so long, or until another one starts."""
_UNDECIDED = "undecided after"
"""How the reason of a rollout begins whose patience ended."""


def watch_rollouts(watched: Watched) -> AlarmLook:
    """Rollouts of which the newest of their kind was rolled back by itself."""
    recent = watched.now_us - RECENT_DAYS * DAY
    newest = [_newest(watched.entries, kind) for kind in get_args(VersionKind)]
    ended = [e for e in newest if e is not None and e.kind == "rollout_rolled_back"]
    return looked(
        ("rollout-rolled-back", "rollout-undecided"),
        [_rolled_back(entry) for entry in ended if entry.at_us >= recent],
    )


def _newest(entries: Sequence[LedgerEntry], kind: VersionKind) -> LedgerEntry | None:
    """The newest entry about a rollout of one kind."""
    about = (e for e in reversed(entries) if e.rollout is not None and e.rollout.kind == kind)
    return next(about, None)


def _rolled_back(entry: LedgerEntry) -> Sighting:
    undecided = entry.reason.startswith(_UNDECIDED)
    plan = entry.rollout
    return Sighting(
        kind="rollout-undecided" if undecided else "rollout-rolled-back",
        subject="" if plan is None else plan.id,
        evidence=(*entry.reason.split("; "), f"entry {entry.sequence} of the ledger"),
        acted="the champion answers everybody again; the challenger has no share",
    )


def watch_retraining(watched: Watched) -> AlarmLook:
    """Whether a trigger fired after which nothing was trained."""
    return looked(("retraining-needed",), _needed(watched.entries))


def _needed(entries: Sequence[LedgerEntry]) -> Iterator[Sighting]:
    relevant = ("retraining_considered", "registered")
    newest = next((e for e in reversed(entries) if e.kind in relevant), None)
    if newest is None or newest.kind == "registered" or all(g.passed for g in newest.gates):
        return
    yield Sighting(
        kind="retraining-needed",
        subject=newest.subject,
        evidence=tuple(_trigger(g.name, g.value, g.limit) for g in newest.gates if not g.passed),
    )


def _trigger(name: str, value: float | None, limit: float | None) -> str:
    figures = "" if value is None or limit is None else f": {value:.4g}, the limit is {limit:.4g}"
    return f"trigger {name}{figures}"


def watch_agreement(watched: Watched) -> AlarmLook:
    """Whether what serves is what the ledger says."""
    sightings = []
    for kind in get_args(VersionKind):
        try:
            standing_stages(watched.settings, kind)
        except BadInput as bad:
            sightings.append(
                Sighting(
                    kind="registry-disagrees",
                    subject=kind,
                    evidence=(f"rule {bad.rule} is broken",),
                    acted="services go on with what they serve, and take up nothing new",
                )
            )
    return looked(("registry-disagrees",), sightings)


def watch_jobs(watched: Watched) -> AlarmLook:
    """The operating loop's jobs: those that failed, and those that are overdue."""
    if watched.jobs is None:
        return UNKNOWN
    sightings = [
        *(_failed(run.job) for run in watched.jobs if run.failed),
        *(
            Sighting(
                kind="job-late", subject=run.job, evidence=(f"due for {run.late_hours:.1f} hours",)
            )
            for run in watched.jobs
            if run.late_hours > 0
        ),
    ]
    return looked(("retraining-failed", "backup-failed", "job-failed", "job-late"), sightings)


def _failed(job: str) -> Sighting:
    acted = "it was tried again as operate.yaml says, and is due again at its next time"
    evidence = ("`leadscore operate status` tells what its newest run noted",)
    match job:
        case "retraining":
            return Sighting(kind="retraining-failed", subject=job, evidence=evidence, acted=acted)
        case "backup":
            return Sighting(kind="backup-failed", subject=job, evidence=evidence, acted=acted)
        case _:
            return Sighting(kind="job-failed", subject=job, evidence=evidence, acted=acted)
