"""A decision made again from its record: the same facts and policy give the same answer."""

import msgspec

from domain.decisions import DecisionRecord
from domain.ports import Policy
from domain.scores import Decision


def replay(record: DecisionRecord, policy: Policy) -> Decision:
    """What the policy decides on the record's facts, the grade worked out anew from the score."""
    facts = record.facts
    return policy.decide(msgspec.structs.replace(facts, grade=policy.grade(facts.score)))


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
    again = msgspec.structs.asdict(replay(record, policy))
    recorded = msgspec.structs.asdict(answer.decision)
    pairs += [(name, recorded[name], value) for name, value in again.items()]
    return [f"{name} was {was!r}, is {now!r}" for name, was, now in pairs if was != now]
