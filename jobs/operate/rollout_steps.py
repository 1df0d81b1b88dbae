"""The job of rollouts: evidence is gathered, decided and acted on, of models and of policies."""

from collections.abc import Mapping
from typing import get_args

from domain.errors import LeadscoreError, Missing, Unavailable
from domain.versions.manifest import VersionKind
from jobs.models.rollouts import tick_rollout
from jobs.operate.job import JobRun
from jobs.operate.run import JobResult, Settled
from registry.ledger_entry import ChangeKind, LedgerEntry
from registry.rollout_decision import Action
from wiring.registry import open_kind

AUTHOR = "operate"
"""Who the ledger says it was."""
_OUTCOMES: Mapping[Action, Settled] = {"advance": "done", "hold": "held", "roll_back": "refused"}
_RECORDED: Mapping[ChangeKind, Settled] = {
    "rollout_advanced": "done",
    "rollout_rolled_back": "refused",
}
_WORST: tuple[Settled, ...] = ("refused", "held", "done", "idle")
"""Of two rollouts, what is told of both: what comes first here."""


def step(run: JobRun) -> JobResult:
    """One tick of each rollout under way. Raises what the ticks raise, once both were tried."""
    ticks: list[tuple[Settled, str]] = []
    failed: list[LeadscoreError] = []
    for kind in get_args(VersionKind):
        try:
            ticks.append(_tick(run, kind))
        except LeadscoreError as bad:  # one that fails keeps no other from its step
            failed.append(bad)
    if failed:
        acted = [text for outcome, text in ticks if outcome != "idle"]
        failed[0].what = "; ".join([*(bad.what for bad in failed), *acted])
        raise failed[0]
    outcome = min((outcome for outcome, _ in ticks), key=_WORST.index)
    notes = tuple(text for what, text in ticks if what == outcome or what != "idle")
    return JobResult(outcome=outcome, notes=notes)


def _step_of(run: JobRun, kind: VersionKind) -> LedgerEntry | None:
    """The step that this run took of a rollout of a kind, however often it was begun."""
    for entry in reversed(open_kind(run.settings, kind).ledger.entries()):
        if entry.at_us < run.began_us:
            return None
        plan = entry.rollout
        if entry.by == AUTHOR and entry.kind in _RECORDED and plan and plan.kind == kind:
            return entry
    return None


def _tick(run: JobRun, kind: VersionKind) -> tuple[Settled, str]:
    """The outcome of one kind's tick, and a sentence on it."""
    if (entry := _step_of(run, kind)) is not None:  # the run was broken off behind it
        return _RECORDED[entry.kind], f"{entry.subject}: {entry.reason}"
    run.check()
    try:
        ticked, _ = tick_rollout(run.settings, kind, by=AUTHOR)
    except Unavailable:
        raise
    except Missing as missing:
        if missing.rule != "rollout-running":
            raise
        return "idle", f"no rollout of a {kind} is under way"
    decided, plan = ticked.progress, ticked.plan
    why = "; ".join(decided.reasons)
    return _OUTCOMES[decided.action], f"{plan.id} ({plan.in_words}): {decided.action}: {why}"
