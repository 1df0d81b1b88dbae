"""Routing drawn at random, so that what it does can be measured without feedback.

The routing of a lead rests on its score, and its outcome on its routing: who learns from that
alone learns what was believed before. In a holdout the score has no say: the routing is drawn
among those that the policy could give to this very lead, whatever its score. All that the policy
knows besides holds: who is not to be contacted is not.
"""

import msgspec

from domain.bucketing import bucket
from domain.decisions import Facts, RandomRouting
from domain.ports import Policy
from domain.scores import Decision

SALT = "routing of "
"""Sets the draw apart from the place in the rollout, which is what put the account here."""


def routings(policy: Policy, facts: Facts) -> tuple[Decision, ...]:
    """What a policy could decide of a lead whatever its score: a decision per distinct routing.

    One is asked for each grade, at its least probability, percentiles spread evenly; decisions
    with the same action, queue and priority are one routing. Never empty.
    """
    grades = policy.grades
    decisions: dict[tuple[object, ...], Decision] = {}
    for at, (grade, least) in enumerate(grades):
        percentile = 100.0 * (len(grades) - at - 0.5) / len(grades)
        one = policy.decide(
            msgspec.structs.replace(facts, score=least, percentile=percentile, grade=grade)
        )
        decisions.setdefault((one.eligible, one.action, one.queue, one.priority), one)
    return tuple(decisions.values())


def draw(
    policy: Policy, facts: Facts, account: str, rollout: str
) -> tuple[Decision, RandomRouting]:
    """The routing of an account in a holdout, and how it came about.

    Each of the possible ones is as likely as any other; the same account, facts and rollout draw
    the same one. `facts` carry the policy's own grade.
    """
    possible = routings(policy, facts)
    at = int(bucket(account, SALT + rollout) * len(possible))
    decision = policy.decide(facts)
    return possible[at], RandomRouting(rollout=rollout, among=len(possible), instead_of=decision)
