"""Versions of models, policies and workflows to their stages: promote, approve, roll back."""

from collections.abc import Callable, Mapping

from config.settings import Settings
from decisions.policy.golden_rows import broken
from decisions.policy.policy import load_policy
from decisions.proof.examine import examine
from domain.errors import LeadscoreError
from domain.versions.manifest import ModelVersion, Stage, VersionKind
from domain.versions.policy_manifest import POLICY_FILE
from domain.versions.workflow_manifest import WORKFLOW_FILE
from registry import promotion
from registry.ledger_entry import GateResult
from registry.promotion import Candidate, Promotion, Terms
from registry.rollout_state import DEFAULT_WEIGHT
from registry.store import AnyRegistry
from wiring.decisions import in_force
from wiring.lineage import open_teller
from wiring.policies import compare_files, known_facts, read_golden
from wiring.registry import gates_of, open_all, open_kind
from workflow.chart.chart_file import read_chart
from workflow.proof.check import check

LINEAGE_FOLDERS: Mapping[VersionKind, str] = {
    "model": "models",
    "policy": "policies",
    "workflow": "workflows",
}


def candidate(settings: Settings, kind: VersionKind, label: str) -> Candidate:
    """A version that is to be promoted, by label or number. Raises Missing, BadInput."""
    return Candidate(open_kind(settings, kind), label)


def promote(
    settings: Settings,
    candidate: Candidate,
    stage: Stage,
    *,
    by: str,
    reason: str,
    override: bool = False,
    changes: int | None = None,
    weight: float | None = DEFAULT_WEIGHT,
) -> Promotion:
    """Promote a version if its gates let it.

    `changes`: on how many golden rows, at most, a policy is stated to decide unlike the champion.
    `weight`: the share of accounts that a model gets as challenger at once; None for no rollout.
    Raises what `registry.promotion.promote` raises.
    """

    def act() -> Promotion:
        terms = _terms(settings, candidate, changes, weight)
        return promotion.promote(
            candidate.registry,
            candidate,
            stage,
            by=by,
            reason=reason,
            override=override,
            terms=terms,
        )

    return _emitting(settings, candidate, stage, act)


def ask(
    settings: Settings, candidate: Candidate, *, by: str, reason: str, changes: int | None = None
) -> Promotion:
    """Ask for a version to become champion: it waits for a second person, whatever the rules."""

    def act() -> Promotion:
        terms = _terms(settings, candidate, changes, None)
        return promotion.ask(candidate, by=by, reason=reason, terms=terms)

    return _emitting(settings, candidate, Stage.CHAMPION, act)


def approve(
    settings: Settings, label: str, *, by: str, reason: str, changes: int | None = None
) -> Promotion:
    """Approve a promotion as its second person: of whatever has that label, else of a model."""
    registries = open_all(settings)
    kinds = (kind for kind, one in registries.items() if label in one.standing().registrations)
    candidate = Candidate(registries[next(kinds, "model")], label)
    return approve_candidate(settings, candidate, by=by, reason=reason, changes=changes)


def approve_candidate(
    settings: Settings, candidate: Candidate, *, by: str, reason: str, changes: int | None = None
) -> Promotion:
    """Approve the promotion of a version that was found, as its second person."""

    def act() -> Promotion:
        terms = _terms(settings, candidate, changes, None)
        return promotion.approve(candidate.registry, candidate, by=by, reason=reason, terms=terms)

    return _emitting(settings, candidate, Stage.CHAMPION, act)


def rollback(
    settings: Settings,
    kind: VersionKind,
    *,
    by: str,
    reason: str,
    registry: AnyRegistry | None = None,
) -> ModelVersion | None:
    """Put back what was in force before the champion; None: what is no version."""
    return (registry or open_kind(settings, kind)).rollback(by=by, reason=reason)


def gates_before(settings: Settings, candidate: Candidate, stage: Stage) -> tuple[GateResult, ...]:
    """What the gates of a stage say of a version now; nothing is promoted."""
    return promotion.judge(candidate, stage, _terms(settings, candidate, None, None)).gates


def _emitting(
    settings: Settings, candidate: Candidate, stage: Stage, act: Callable[[], Promotion]
) -> Promotion:
    """Promote by `act`, in a run of the lineage; a request has made nothing yet."""
    kind, version = candidate.registry.made_of.kind, candidate.version
    folder = LINEAGE_FOLDERS[kind]
    with open_teller(settings).run("promote") as run:
        run.add_input(f"{folder}/{version.name}", version.label)
        done = act()
        if not done.waiting:
            run.add_output(f"stages/{kind}/{stage}", version.label)
        return done


def _terms(
    settings: Settings, candidate: Candidate, changes: int | None, weight: float | None
) -> Terms:
    """Under which terms a version is promoted: what the gates of its kind look at is measured."""
    rules = gates_of(settings)
    kind = candidate.registry.made_of.kind
    if kind == "model":
        return Terms(rules=rules, weight=weight)
    if kind == "workflow":
        return Terms(rules=rules, weight=None, measured=_proven(candidate))
    stated = {} if changes is None else {"golden_changed": changes}
    return Terms(rules=rules, weight=None, measured=_measured(settings, candidate), stated=stated)


def _proven(candidate: Candidate) -> dict[str, int]:
    proof = check(read_chart(candidate.opened.folder / WORKFLOW_FILE))
    return {"findings": len(proof.findings), "configurations": proof.configurations}


def _measured(settings: Settings, candidate: Candidate) -> dict[str, int]:
    label, folder = candidate.opened.label, candidate.opened.folder
    path, champion = folder / POLICY_FILE, candidate.champion
    checked = None if isinstance(champion, LeadscoreError) else champion
    changed = compare_files(in_force(settings, checked), (label, path))
    return {
        "findings": len(examine(path, known_facts(settings)).findings),
        "golden_broken": broken(read_golden(folder), load_policy(path)),
        "golden_changed": len(changed),
    }
