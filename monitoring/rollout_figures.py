"""How a challenger's arm fares, by recorded decisions: what a rollout's limits are held against."""

from collections.abc import Iterable

from domain.decisions import DecisionRecord
from registry.rollout_decision import ArmFigures
from registry.rollout_state import Rollout


def arm_figures(records: Iterable[DecisionRecord], plan: Rollout) -> ArmFigures:
    """Decisions of the challenger's arm at the plan's step, and the share of degraded ones.

    Where the challenger answers nobody, all decisions count that were made under the plan, and
    none of them was its own: the share is None. Errors and latency are in no record.
    """
    made = degraded = 0
    for record in records:
        for one in record.assigned:
            if (one.rollout, one.step) != (plan.id, plan.step):
                continue
            if plan.weight == 0 or one.arm == "challenger":
                made += 1
                degraded += record.answer.degraded
    share = degraded / made if made and plan.weight > 0 else None
    return ArmFigures(decisions=made, degraded=share)
