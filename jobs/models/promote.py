"""Versions of models and policies to their stages: promote, approve, roll back."""

from collections.abc import Callable

from config.settings import Settings
from decisions.policy.golden_rows import broken
from decisions.policy.policy import check_policy, load_policy
from domain.errors import LeadscoreError
from domain.versions.manifest import ModelVersion, Stage, VersionKind
from domain.versions.policy_manifest import POLICY_FILE
from registry import promotion
from registry.promotion import Candidate, Promotion, Terms
from registry.rollout_state import DEFAULT_WEIGHT
from wiring.decisions import in_force
from wiring.lineage import open_teller
from wiring.policies import compare_files, known_facts, read_golden
from wiring.registry import gates_of, open_both, open_kind


def candidate(settings: Settings, kind: VersionKind, label: str) -> Candidate:
    """A version that is to be promoted, by label or number. Raises Missing, BadInput."""
    return Candidate(open_kind(settings, kind), label)


def promote(
    settings: Settings,
    found: Candidate,
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
        terms = _terms(settings, found, changes, weight)
        return promotion.promote(
            found.registry, found, stage, by=by, reason=reason, override=override, terms=terms
        )

    return _emitting(settings, found, stage, act)


def approve(
    settings: Settings, label: str, *, by: str, reason: str, changes: int | None = None
) -> Promotion:
    """Approve a promotion as its second person: of the policy of that label, else of a model."""
    models, policies = open_both(settings)
    of_policy = label in policies.standing().registrations
    found = Candidate(policies if of_policy else models, label)
    return approve_candidate(settings, found, by=by, reason=reason, changes=changes)


def approve_candidate(
    settings: Settings, found: Candidate, *, by: str, reason: str, changes: int | None = None
) -> Promotion:
    """Approve the promotion of a version that was found, as its second person."""

    def act() -> Promotion:
        terms = _terms(settings, found, changes, None)
        return promotion.approve(found.registry, found, by=by, reason=reason, terms=terms)

    return _emitting(settings, found, Stage.CHAMPION, act)


def rollback(settings: Settings, kind: VersionKind, *, by: str, reason: str) -> ModelVersion | None:
    """Put back what was in force before the champion; None: the policy of the product."""
    return open_kind(settings, kind).rollback(by=by, reason=reason)


def _emitting(
    settings: Settings, found: Candidate, stage: Stage, act: Callable[[], Promotion]
) -> Promotion:
    """Promote by `act`, in a run of the lineage; a request has made nothing yet."""
    kind, version = found.registry.made_of.kind, found.version
    folder = "models" if kind == "model" else "policies"
    with open_teller(settings).run("promote") as run:
        run.read(f"{folder}/{version.name}", version.label)
        done = act()
        if not done.waiting:
            run.made(f"stages/{kind}/{stage}", version.label)
        return done


def _terms(
    settings: Settings, found: Candidate, changes: int | None, weight: float | None
) -> Terms:
    """Under which terms a version is promoted: of a policy, what its gates look at is measured."""
    rules = gates_of(settings)
    if found.registry.made_of.kind == "model":
        return Terms(rules=rules, weight=weight)
    stated = {} if changes is None else {"golden_changed": changes}
    return Terms(rules=rules, weight=None, measured=_measured(settings, found), stated=stated)


def _measured(settings: Settings, found: Candidate) -> dict[str, int]:
    label, folder = found.opened.label, found.opened.folder
    path, champion = folder / POLICY_FILE, found.champion
    checked = None if isinstance(champion, LeadscoreError) else champion
    changed = compare_files(in_force(settings, checked), (label, path))
    return {
        "findings": len(check_policy(path, known_facts(settings))),
        "golden_broken": broken(read_golden(folder), load_policy(path)),
        "golden_changed": len(changed),
    }
