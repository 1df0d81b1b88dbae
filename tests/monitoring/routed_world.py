"""Simulated leads, routed by a policy with a holdout, as decision records with outcomes."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np

from decisions.policy.holdout import draw
from domain.bucketing import Assignment, bucket
from domain.decisions import DecisionRecord
from domain.ports import Policy
from domain.scores import Arms, Decision, ScoreAnswer, VersionSet
from registry.rollout_state import arm_at
from simulation.routed_leads import RoutedLeads

DAY_US = 86_400_000_000
BEGIN = 20_000 * DAY_US
HORIZON = 30.0


@dataclass(frozen=True)
class RoutedWorld:
    """Records in the order of time, their outcomes by lead, and the moment that all is known."""

    leads: RoutedLeads
    records: list[DecisionRecord]
    outcomes: dict[str, list[tuple[str, int]]]
    watermark_us: int

    def truth(self, decide: Callable[[int], Decision]) -> float:
        """Mean conversions under a policy's decisions, by the leads' own probabilities."""
        actions = [decide(at).action for at in range(len(self.leads))]
        return float(self.leads.chances(actions).mean())


def routed_world(
    leads: RoutedLeads, policy: Policy, seed: int, *, holdout: float = 0.3
) -> RoutedWorld:
    """Each lead is decided about once, a hundred a day; the holdout's routing is drawn."""
    rng = np.random.default_rng([seed, 5])
    name = f"holdout-{seed}"
    records = [_record(leads, policy, at, name, holdout) for at in range(len(leads))]
    actions = [one.answer.decision.action for one in records]
    won = rng.random(len(leads)) < leads.chances(actions)
    outcomes = {
        record.answer.lead_id: [("won", record.as_of_us + 5 * DAY_US)]
        for record, wins in zip(records, won.tolist(), strict=True)
        if wins
    }
    end = records[-1].as_of_us + 40 * DAY_US
    return RoutedWorld(leads, records, outcomes, end)


def _record(
    leads: RoutedLeads, policy: Policy, at: int, name: str, holdout: float
) -> DecisionRecord:
    score = leads.facts[at].score
    facts = msgspec.structs.replace(leads.facts[at], grade=policy.grade(score))
    account = f"acct_{leads.account[at]:016x}"
    arm = arm_at(bucket(account, name), "holdout", 0.0, holdout)
    drawn = None
    if arm == "holdout":
        decision, drawn = draw(policy, facts, account, name)
    else:
        decision = policy.decide(facts)
    moment = BEGIN + at * DAY_US // 100
    assigned = Assignment(
        rollout=name,
        kind="policy",
        mode="holdout",
        step=0,
        weight=0.0,
        holdout=holdout,
        arm=arm,
    )
    answer = ScoreAnswer(
        lead_id=f"lead_0{at:016x}",
        score=score,
        percentile=facts.percentile,
        grade=facts.grade,
        reasons=(),
        decision=decision,
        versions=VersionSet(model="lead-1", feature_service="standard_v1", policy=policy.label),
        arm=arm,
        features_as_of="2026-01-01T00:00:00Z",
        staleness_s=0.0,
        degraded=False,
        decision_id=f"decision-{at}",
        trace_id="",
        arms=Arms(policy=arm),
    )
    return DecisionRecord(
        decided_us=moment,
        as_of_us=moment,
        watermark_us=moment,
        account_id=account,
        features=(),
        texts=(),
        margin=0.0,
        rollout="",
        shadow={},
        facts=facts,
        answer=answer,
        assigned=(assigned,),
        drawn=drawn,
    )
