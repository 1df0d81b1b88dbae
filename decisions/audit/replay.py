"""A decision made again from its record: the same facts and policy give the same answer."""

from collections.abc import Iterator

import msgspec

from decisions.policy.holdout import draw
from domain.decisions import DecisionRecord, Facts, RandomRouting
from domain.ports import Policy
from domain.scores import Decision


def replay(record: DecisionRecord, policy: Policy) -> Decision:
    """What the policy decides on the record's facts, the grade worked out anew from the score.

    A routing that was drawn is drawn again.
    """
    return _replayed(record, policy)[0]


def _replayed(record: DecisionRecord, policy: Policy) -> tuple[Decision, RandomRouting | None]:
    facts = _graded(record.facts, policy)
    if record.drawn is None:
        return policy.decide(facts), None
    account = record.account_id or record.answer.lead_id
    return draw(policy, facts, account, record.drawn.rollout)


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
    if record.drawn is not None and drawn is not None:
        pairs.append(("routings to draw from", record.drawn.among, drawn.among))
        pairs += _fields(record.drawn.instead_of, drawn.instead_of, "without the draw ")
    return _told(pairs)


def shadow_differences(record: DecisionRecord, policy: Policy) -> list[str]:
    """As `differences`, for what a policy decided unheard, beside the one that answered."""
    was = record.shadow_decisions.get(policy.label)
    if was is None:
        return [f"nothing is recorded of {policy.label}"]
    now = policy.decide(_graded(record.facts, policy))
    return _told(list(_fields(was, now, f"{policy.label} ")))


def _fields(was: Decision, now: Decision, of: str = "") -> Iterator[tuple[str, object, object]]:
    again = msgspec.structs.asdict(now)
    return (
        (f"{of}{name}", value, again[name]) for name, value in msgspec.structs.asdict(was).items()
    )


def _told(pairs: list[tuple[str, object, object]]) -> list[str]:
    return [f"{name} was {was!r}, is {now!r}" for name, was, now in pairs if was != now]
