"""The job of retraining: triggers, a new version where one fires, and what becomes of it.

Each step is looked up in the ledger before it is taken: a run that was killed goes on behind the
last step that it took.
"""

from collections.abc import Sequence

from domain.versions.manifest import Stage
from jobs.models.promote import candidate, promote
from jobs.models.retrain_decision import consider
from jobs.models.rollouts import begin
from jobs.models.training_settings import training_config
from jobs.operate.job import JobRun
from jobs.operate.rollout_steps import AUTHOR
from jobs.operate.rules import plan_of
from jobs.operate.run import JobResult
from registry.ledger_entry import ChangeKind, LedgerEntry
from registry.transitions import GateRefusal
from wiring.registry import open_registry

NEEDED = "needed: "
REASON = "trained because a trigger fired"


class FencedProgress:
    """Hears of a training run's phases, and breaks it off where another process took over."""

    def __init__(self, run: JobRun) -> None:
        self._run = run

    def phase(self, text: str) -> None:
        """A phase begins."""
        del text
        self._run.check()

    def warn(self, text: str) -> None:
        """Something about the data; the version's card says it too."""

    def trial(self, done: int, of: int, best: float) -> None:
        """A trial of the search is done."""
        del done, of, best
        self._run.check()


def retrain(run: JobRun) -> JobResult:
    """Train where a trigger fires, and do with the version what the rules say.

    While a rollout of models is under way that a new challenger would end, it waits. Raises what
    training raises.
    """
    label = _subject(_mine(run), "registered")
    if label is not None:
        return _follow(run, label)
    under_way = open_registry(run.settings).standing().rollout
    if run.rules.retraining.then == "challenger" and under_way is not None:
        return JobResult(outcome="held", notes=(f"{under_way.id} is under way and goes first",))
    why = _considered(run)
    if not why.startswith(NEEDED):
        return JobResult(outcome="idle", notes=(why,))
    return _follow(run, _trained(run), why)


def _mine(run: JobRun) -> list[LedgerEntry]:
    """What the ledger says that this run did, however often it was begun."""
    entries = open_registry(run.settings).ledger.entries()
    return [e for e in entries if e.by == AUTHOR and e.at_us >= run.began_us]


def _subject(entries: Sequence[LedgerEntry], kind: ChangeKind, of: str = "") -> str | None:
    """What the first entry of a kind is about; `of`: of those about that version."""
    return next((e.subject for e in entries if e.kind == kind and of in ("", e.subject)), None)


def _considered(run: JobRun) -> str:
    """Whether training is needed, and why: decided and recorded once."""
    before = [e for e in _mine(run) if e.kind == "retraining_considered"]
    if before:
        return before[-1].reason
    run.check()
    decision = consider(run.settings, AUTHOR)
    return f"{NEEDED if decision.needed else 'not needed: '}{decision.why}"


def _trained(run: JobRun) -> str:
    from jobs.models.train import train

    config = training_config(run.settings, None)
    return train(run.settings, config, FencedProgress(run), AUTHOR).label


def _follow(run: JobRun, label: str, why: str = "") -> JobResult:
    """What becomes of a version that was trained."""
    notes = [f"{label} is trained{f' ({why})' if why else ''}"]
    if run.rules.retraining.then == "candidate":
        return JobResult(notes=(*notes, "it is a candidate: a person may promote it"))
    try:
        promoted = _promoted(run, label)
    except GateRefusal as refusal:
        return JobResult(outcome="refused", notes=(*notes, refusal.what))
    return JobResult(notes=(*notes, promoted, _rolled_out(run, label)))


def _promoted(run: JobRun, label: str) -> str:
    if _subject(_mine(run), "promoted", label) is None:
        run.check()
        version = candidate(run.settings, "model", label)
        promote(run.settings, version, Stage.CHALLENGER, by=AUTHOR, reason=REASON, weight=None)
    return f"{label} is challenger"


def _rolled_out(run: JobRun, label: str) -> str:
    if _subject(_mine(run), "rollout_started", label) is not None:
        return "its rollout was started"
    run.check()
    course = plan_of(run.settings, run.rules)
    plan = begin(run.settings, "model", course, by=AUTHOR, reason=REASON)
    return f"{plan.id} is started"
