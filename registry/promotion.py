"""Promotion: the gates of a stage, then the move, with the gates' results in the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import msgspec

from domain.errors import LeadscoreError
from domain.versions.manifest import ModelVersion, Sealed, Stage
from registry.cache import OpenedVersion
from registry.gate_file import load_gates
from registry.gates import AtMost, GateRule, GateRules, run_gates
from registry.ledger_entry import GateResult
from registry.registry_state import RegistryState
from registry.rollout_spec import canary
from registry.rollout_state import DEFAULT_WEIGHT, Rollout
from registry.store import AnyRegistry
from registry.transitions import ArmAllocation, Author, GateVerdict, request, requested
from registry.transitions import approve as approved


@dataclass(frozen=True, slots=True)
class Promotion:
    """The result of a promotion: `override` is true where a failed gate was overruled.

    `waiting` is true where it is a request, which a second person must approve.
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


class Candidate:
    """A version that is to be promoted, as the registry's state of one moment has it.

    Its files, and the champion's, are checked once: when they are first asked for.
    """

    def __init__(self, registry: AnyRegistry, label: str) -> None:
        """By label, or by number where only one name has it. Raises Missing, BadInput."""
        self.registry = registry
        self.state = registry.standing()
        self.version = self.state.find(label)

    @cached_property
    def opened(self) -> OpenedVersion[Any]:
        """The version's files. Raises what `VersionRegistry.open` raises."""
        return self.registry.open(self.state.registration(self.version.label))

    @cached_property
    def champion(self) -> OpenedVersion[Any] | LeadscoreError | None:
        """The champion's files, or why they cannot be opened; None where there is no champion."""
        if self.state.champion is None:
            return None
        try:
            return self.registry.open(self.state.registration(self.state.champion))
        except LeadscoreError as bad:
            return bad


def promote(
    registry: AnyRegistry,
    version: Candidate | str,
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
    candidate = version if isinstance(version, Candidate) else Candidate(registry, version)
    verdict = judge(candidate, stage, terms, override=override)
    if verdict.second_approver and stage == Stage.CHAMPION:
        return _requested(candidate, author, verdict)
    share = None if terms.weight is None else ArmAllocation(registry.now(), canary(terms.weight))
    state = registry.transition(
        candidate.opened, stage, by=by, reason=reason, verdict=verdict, share=share
    )
    return _done(candidate, state, verdict)


def ask(candidate: Candidate, *, by: str, reason: str, terms: Terms) -> Promotion:
    """Record a request for a promotion to champion, whatever the rules say of a second approver.

    The gates are run now, and again when somebody approves. Raises as `promote` does.
    """
    author = Author(by, reason)
    return _requested(candidate, author, judge(candidate, Stage.CHAMPION, terms))


def _requested(candidate: Candidate, author: Author, verdict: GateVerdict) -> Promotion:
    label = candidate.version.label
    state = candidate.registry.change(lambda now: request(now, label, author, verdict))
    return _done(candidate, state, verdict, waiting=True)


def approve(
    registry: AnyRegistry,
    version: Candidate | str,
    *,
    by: str,
    reason: str,
    terms: Terms | None = None,
) -> Promotion:
    """Complete a request as its second person; the gates are run again.

    An override that was asked for holds. Raises Missing where no request waits, Refused for the
    person who asked, and what `promote` raises.
    """
    author = Author(by, reason, registry.ledger.credential)
    candidate = version if isinstance(version, Candidate) else Candidate(registry, version)
    waiting = requested(candidate.state, candidate.version.label)
    verdict = judge(candidate, Stage.CHAMPION, terms or Terms(), override=waiting.override)
    label = candidate.opened.label
    state = registry.change(lambda now: approved(now, label, author, verdict))
    return _done(candidate, state, verdict)


def _done(
    candidate: Candidate, state: RegistryState, verdict: GateVerdict, *, waiting: bool = False
) -> Promotion:
    return Promotion(
        version=state.version(candidate.version.label),
        former=candidate.version.stage,
        gates=verdict.gates,
        override=not verdict.passed,
        rollout=state.rollout,
        waiting=waiting,
    )


def judge(
    candidate: Candidate, stage: Stage, terms: Terms, *, override: bool = False
) -> GateVerdict:
    """What the gates of a stage say of a version, compared with the present champion.

    A champion whose files cannot be opened is a failed gate of its own.
    """
    rules = terms.rules or load_gates()
    rules_of_stage = rules.before(stage, candidate.registry.made_of.kind)
    verdict = GateVerdict(override=override, second_approver=rules.second_approver)
    if not rules_of_stage:
        return verdict
    theirs, faults = _champion(candidate)
    manifest = candidate.opened.manifest
    counted = msgspec.structs.replace(manifest, counts={**manifest.counts, **terms.measured})
    results = (*run_gates(rules_of_stage, counted, theirs, terms.stated), *faults)
    return replace(
        verdict,
        gates=results,
        options=_options(rules_of_stage, results),
        rules=rules.label,
        champion=candidate.state.champion or "",
    )


_STATED_BY = {"golden_changed": "--changes"}
"""The option by which a count's limit is stated, where the gate lets it be stated."""


def _options(rules: Sequence[GateRule], results: Sequence[GateResult]) -> tuple[str, ...]:
    """The options that let what failed through, each with the value that it must have."""
    stated = {
        rule.name: _STATED_BY[rule.count]
        for rule in rules
        if isinstance(rule, AtMost) and rule.may_be_stated and rule.count in _STATED_BY
    }
    failed = [one for one in results if not one.passed]
    return tuple(
        f"{stated[one.name]} {one.value:.0f}"
        for one in failed
        if one.name in stated and one.value is not None
    )


def _champion(candidate: Candidate) -> tuple[Sealed | None, Sequence[GateResult]]:
    """The champion's manifest, and the gate that fails where it cannot be opened."""
    champion = candidate.champion
    if not isinstance(champion, LeadscoreError):
        return None if champion is None else champion.manifest, []
    fault = GateResult(
        name="champion_opens", value=None, limit=None, passed=False, note=str(champion)
    )
    return None, [fault]
