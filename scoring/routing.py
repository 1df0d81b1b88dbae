"""What is decided of a lead: by the policy of its arm, the other policy's word beside it."""

from dataclasses import dataclass, field

import msgspec

from decisions.overrides.in_force import applied
from decisions.overrides.journal import OverrideEntry
from decisions.policy.holdout import draw
from domain.decisions import AppliedOverride, Facts, RandomRouting
from domain.ports import Policy
from domain.scores import Decision
from scoring.assignment import AssignedArm
from scoring.live_policy import LivePolicies


@dataclass(frozen=True, slots=True)
class Routed:
    """A decision, what other policies decided on the same facts; whether drawn, or overridden."""

    decision: Decision
    shadow: dict[str, Decision] = field(default_factory=dict)
    drawn: RandomRouting | None = None
    override: AppliedOverride | None = None


def answering(policies: LivePolicies, assigned: AssignedArm) -> Policy:
    """The policy that decides of an account."""
    if assigned.arms.policy == "challenger" and policies.challenger is not None:
        return policies.challenger
    return policies.champion


def looks_at(policies: LivePolicies) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The attributes and the features that any of the policies may look at."""
    one, other = policies.champion.looks_at, policies.challenger
    if other is None:
        return one
    first, second = (
        tuple(dict.fromkeys((*a, *b))) for a, b in zip(one, other.looks_at, strict=True)
    )
    return first, second


def route(
    policies: LivePolicies,
    assigned: AssignedArm,
    facts: Facts,
    account: str,
    override: OverrideEntry | None = None,
) -> Routed:
    """Decide on facts that carry the grade of the answering policy.

    While a rollout is under way both policies decide, in every mode, as both models score. An
    override counts in every arm alike, and in a holdout nothing is drawn of whom it is about: what
    rollouts compare is the policies' own.
    """
    mine = answering(policies, assigned)
    shadow = _beside(policies, mine, facts)
    by_hand = None if override is None else applied(override, mine, facts)
    if by_hand is not None:
        return Routed(by_hand[0], shadow, override=by_hand[1])
    if not assigned.drawn_by:
        return Routed(mine.decide(facts), shadow)
    decision, drawn = draw(mine, facts, account, assigned.drawn_by)
    return Routed(decision, shadow, drawn)


def _beside(policies: LivePolicies, mine: Policy, facts: Facts) -> dict[str, Decision]:
    if policies.challenger is None:
        return {}
    other = policies.champion if mine is policies.challenger else policies.challenger
    grade = other.grade(facts.score)
    return {other.label: other.decide(msgspec.structs.replace(facts, grade=grade))}
