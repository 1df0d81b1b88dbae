"""A backtest: recorded decisions under a candidate policy, told as figures."""

import msgspec

from monitoring.backtest.moves import QueueWorkload, RoutingMove, SegmentMoves
from monitoring.backtest.policy_value import PolicyValue

DECIDED = "decided"
"""Stands for what was decided, in place of a policy."""


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """What a candidate would have done, beside another policy or what was decided.

    `was` and `now` are labels, `since` and `until` the moments of the first and the last
    decision. `decisions` were replayed, of `leads`; `drawn` of them were routed at random, and
    count by what the policy said. `moved` go elsewhere; `other_step` go to the same place with
    another next best action. `filled`: decisions that lacked a fact which the candidate looks at,
    read from their features. `overridden`: those of leads whom an override was about, which is kept
    under both policies. `evaluated`: different facts that the engine was asked about, before
    and under the candidate.
    """

    was: str
    now: str
    since: str
    until: str
    decisions: int
    leads: int
    drawn: int
    moved: int
    moved_leads: int
    other_step: int
    filled: int
    evaluated: tuple[int, int]
    seconds: float
    moves: tuple[RoutingMove, ...]
    segments: tuple[SegmentMoves, ...]
    workloads: tuple[QueueWorkload, ...]
    value: PolicyValue
    overridden: int = 0
