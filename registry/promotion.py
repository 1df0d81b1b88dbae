"""Promotion: the gates of a stage, then the move, with what the gates said in the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from domain.errors import LeadscoreError
from domain.versions.manifest import ModelVersion, Sealed, Stage
from registry.gates import AtMost, GateRule, GateRules, load_gates, run_gates
from registry.ledger_entry import GateResult
from registry.registry_state import RegistryState
from registry.rollout_spec import canary
from registry.rollout_state import DEFAULT_WEIGHT, Rollout
from registry.store import AnyRegistry
from registry.transitions import ArmAllocation, Author, GateVerdict, request, requested
from registry.transitions import approve as approved


@dataclass(frozen=True, slots=True)
class Promotion:
    """What was done: `override` says that a gate failed and was overruled.

    `waiting` says that it is a request, which a second person must approve.
    """

    version: ModelVersion
    former: Stage
    gates: tuple[GateResult, ...]
    override: bool
    rollout: Rollout | None
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a version is promoted.

    `rules` are the gates (None: the standard ones). `weight` is the share of accounts that a new
    challenger gets at once, where there is a champion (None: no rollout). `measured` are counts
    that only the caller could take, now; `stated` are limits that the promoter states, by count.
    """

    rules: GateRules | None = None
    weight: float | None = DEFAULT_WEIGHT
    measured: Mapping[str, int] = field(default_factory=dict)
    stated: Mapping[str, int] = field(default_factory=dict)


def promote(
    registry: AnyRegistry,
    label: str,
    stage: Stage,
    *,
    by: str,
    reason: str,
    override: bool = False,
    terms: Terms | None = None,
) -> Promotion:
    """Move a version to a stage if that stage's gates let it; `override` overrules them.

    Where the rules ask for a second approver, a promotion to champion is recorded as a request.
    Raises GateRefusal (a Refused; `results` holds what the gates said) where a gate fails,
    BadInput without a reason, and what `Versions.transition` raises.
    """
    author = Author(by, reason)  # before the gates take their time
    terms = terms or Terms()
    former = registry.get(label)
    verdict = judge(registry, former, stage, terms, override=override)
    if verdict.second_approver and stage == Stage.CHAMPION:
        standing = registry.change(lambda now: request(now, former.label, author, verdict))
        return _done(registry, former, standing, verdict, waiting=True)
    share = None if terms.weight is None else ArmAllocation(registry.now(), canary(terms.weight))
    standing = registry.transition(
        former, stage, by=by, reason=reason, verdict=verdict, share=share
    )
    return _done(registry, former, standing, verdict)


def approve(
    registry: AnyRegistry, label: str, *, by: str, reason: str, terms: Terms | None = None
) -> Promotion:
    """Complete a request as its second person; the gates are run again.

    An override that was asked for holds. Raises Missing where no request waits, Refused for the
    person who asked, and what `promote` raises.
    """
    author = Author(by, reason, registry.ledger.credential)
    former = registry.get(label)
    waiting = requested(registry.standing(), former.label)
    verdict = judge(registry, former, Stage.CHAMPION, terms or Terms(), override=waiting.override)
    registry.fetch(former)
    standing = registry.change(lambda now: approved(now, former.label, author, verdict))
    return _done(registry, former, standing, verdict)


def _done(
    registry: AnyRegistry,
    former: ModelVersion,
    standing: RegistryState,
    verdict: GateVerdict,
    *,
    waiting: bool = False,
) -> Promotion:
    return Promotion(
        version=registry.get(former.label),
        former=former.stage,
        gates=verdict.gates,
        override=not verdict.passed,
        rollout=standing.rollout,
        waiting=waiting,
    )


def judge(
    registry: AnyRegistry,
    version: ModelVersion,
    stage: Stage,
    terms: Terms,
    *,
    override: bool = False,
) -> GateVerdict:
    """What the gates of a stage say of a version, compared with the present champion.

    A champion whose files cannot be opened is a failed gate of its own.
    """
    rules = terms.rules or load_gates()
    asked = rules.before(stage, registry.made_of.kind)
    verdict = GateVerdict(override=override, second_approver=rules.second_approver)
    if not asked:
        return verdict
    champion = registry.at(Stage.CHAMPION)
    theirs, faults = _open_champion(registry, champion)
    _, manifest = registry.fetch(version)
    counted = msgspec.structs.replace(manifest, counts={**manifest.counts, **terms.measured})
    said = (*run_gates(asked, counted, theirs, terms.stated), *faults)
    return replace(
        verdict,
        gates=said,
        options=_options(asked, said),
        rules=rules.label,
        champion="" if champion is None else champion.label,
    )


_STATED_BY = {"golden_changed": "--changes"}
"""The option by which a count's limit is stated, where the gate lets it be stated."""


def _options(rules: Sequence[GateRule], said: Sequence[GateResult]) -> tuple[str, ...]:
    """The options that let what failed through, each with the value that it must have."""
    stated = {
        rule.name: _STATED_BY[rule.count]
        for rule in rules
        if isinstance(rule, AtMost) and rule.may_be_stated and rule.count in _STATED_BY
    }
    failed = [one for one in said if not one.passed]
    return tuple(
        f"{stated[one.name]} {one.value:.0f}"
        for one in failed
        if one.name in stated and one.value is not None
    )


def _open_champion(
    registry: AnyRegistry, champion: ModelVersion | None
) -> tuple[Sealed | None, Sequence[GateResult]]:
    if champion is None:
        return None, []
    try:
        return registry.fetch(champion)[1], []
    except LeadscoreError as bad:
        fault = GateResult(
            name="champion_opens", value=None, limit=None, passed=False, note=str(bad)
        )
        return None, [fault]
