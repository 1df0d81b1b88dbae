"""A decision made again from its record: the same facts and policy give the same answer."""

from collections.abc import Iterator

import msgspec

from decisions.policy.holdout import draw
from domain.decisions import AppliedOverride, DecisionRecord, Facts, RandomRouting, overridden
from domain.ports import Policy
from domain.scores import Decision


def replay(record: DecisionRecord, policy: Policy) -> Decision:
    """What the policy decides on the record's facts, the grade worked out anew from the score.

    A routing that was drawn is drawn again, an override is applied again.
    """
    return _replayed(record, policy)[0]


def _replayed(record: DecisionRecord, policy: Policy) -> tuple[Decision, RandomRouting | None]:
    facts = _graded(record.facts, policy)
    if record.override is not None:
        return _by_hand(policy.decide(facts), record.override), None
    if record.drawn is None:
        return policy.decide(facts), None
    account = record.account_id or record.answer.lead_id
    return draw(policy, facts, account, record.drawn.rollout)


def _by_hand(own: Decision, override: AppliedOverride) -> Decision:
    """The policy's decision under the recorded override; as it is where it would have no say."""
    return overridden(own, override.number, override.change, override.reason) or own


def _graded(facts: Facts, policy: Policy) -> Facts:
    return msgspec.structs.replace(facts, grade=policy.grade(facts.score))


def differences(record: DecisionRecord, policy: Policy) -> list[str]:
    """How a replay differs from the record, a sentence each; empty where it does not.

    That the record's answer rests on the record's facts is compared too.
    """
    answer, facts = record.answer, record.facts
    pairs: list[tuple[str, object, object]] = [
        ("policy", answer.versions.policy, policy.label),
        ("score of the facts", answer.score, facts.score),
        ("percentile of the facts", answer.percentile, facts.percentile),
        ("grade of the facts", answer.grade, facts.grade),
        ("grade", answer.grade, policy.grade(facts.score)),
    ]
    decision, drawn = _replayed(record, policy)
    pairs += _fields(answer.decision, decision)
    if record.override is not None:
        own = policy.decide(_graded(facts, policy))
        pairs += _fields(record.override.instead_of, own, "without the override ")
    if record.drawn is not None and drawn is not None:
        pairs.append(("routings to draw from", record.drawn.among, drawn.among))
        pairs += _fields(record.drawn.instead_of, drawn.instead_of, "without the draw ")
    return _sentences(pairs)


def shadow_differences(record: DecisionRecord, policy: Policy) -> list[str]:
    """As `differences`, for what a policy decided unheard, beside the one that answered."""
    decision_then = record.shadow_decisions.get(policy.label)
    if decision_then is None:
        return [f"nothing is recorded of {policy.label}"]
    now = policy.decide(_graded(record.facts, policy))
    return _sentences(list(_fields(decision_then, now, f"{policy.label} ")))


def _fields(then: Decision, now: Decision, of: str = "") -> Iterator[tuple[str, object, object]]:
    return ((f"{of}{name}", getattr(then, name), getattr(now, name)) for name in then.unlike(now))


def _sentences(pairs: list[tuple[str, object, object]]) -> list[str]:
    return [f"{name} was {then!r}, is {now!r}" for name, then, now in pairs if then != now]
