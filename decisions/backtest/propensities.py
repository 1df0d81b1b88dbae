"""With which chances a recorded decision could have routed its lead where, the lead being as it is.

An account's arm is drawn, and in a holdout its routing once more. Both draws are recorded with
their shares; so each routing's chance is known before the draws, whichever came about. An
override holds in every arm, and in a holdout nothing is drawn of whom it is about.
"""

from collections.abc import Callable, Mapping

from decisions.backtest.remembered_policy import RememberedPolicy
from decisions.backtest.routed_record import RoutedRecord, Routing, routing_of
from domain.bucketing import Assignment
from domain.ports import ARM_FAILED

Chances = Mapping[Routing, float]
PolicyByLabel = Callable[[str], RememberedPolicy | None]
"""The policy of a label; None where it is no longer there."""


def plans_of(record: RoutedRecord) -> list[Assignment]:
    """The rollouts of policies, and the standing holdout, in which the account had an arm."""
    return [one for one in record.assigned if one.kind == "policy"]


def drawn_chances(record: RoutedRecord, policies: PolicyByLabel) -> Chances | None:
    """The chances of a holdout's draw alone, of an account that is in it; None of others."""
    policy = policies(record.answer.versions.policy)
    if record.drawn is None or policy is None:
        return None
    chances = _uniform(policy, record, 1.0)
    return chances if len(chances) == record.drawn.among else None


def chances(record: RoutedRecord, policies: PolicyByLabel) -> Chances | None:
    """The chances of all draws; None where the record does not tell them.

    That is: an arm that failed, two rollouts at once, a policy that is not there any more, or a
    draw among other routings than the policy gives now.
    """
    plans = plans_of(record)
    if record.answer.degraded_by == ARM_FAILED or len(plans) > 1:
        return None
    own = routing_of(record.kept(record.own))
    if not plans:
        return {own: 1.0} if record.drawn is None else None
    plan = plans[0]
    weight = plan.weight if plan.mode in ("canary", "blue_green") else 0.0
    label, champion, challenger = _sides(record, plan, own)
    if champion is None or (weight > 0 and challenger is None):
        return None
    drawn = 0.0 if record.override is not None else plan.holdout
    odds = {champion: 1.0 - drawn - weight}
    if challenger is not None and weight > 0:
        odds[challenger] = odds.get(challenger, 0.0) + weight
    if drawn > 0:
        policy = policies(label)
        if policy is None:
            return None
        uniform = _uniform(policy, record, drawn)
        if record.drawn is not None and len(uniform) != record.drawn.among:
            return None
        for routing, chance in uniform.items():
            odds[routing] = odds.get(routing, 0.0) + chance
    return odds


def _sides(
    record: RoutedRecord, plan: Assignment, own: Routing
) -> tuple[str, Routing | None, Routing | None]:
    """The champion's label, and how champion and challenger route; None where it is not known."""
    other = next(iter(record.shadow_decisions.items()), None)
    beside = None if other is None else routing_of(record.kept(other[1]))
    if plan.arm == "challenger":
        return ("" if other is None else other[0]), beside, own
    return record.answer.versions.policy, own, beside


def _uniform(policy: RememberedPolicy, record: RoutedRecord, share: float) -> dict[Routing, float]:
    possible = policy.routings(record.facts)
    return dict.fromkeys(possible, share / len(possible))
