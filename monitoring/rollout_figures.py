"""How a challenger's arm fares, by recorded decisions: what a rollout's limits are held against.

The audit trail is the source: an answer is not given before its record is kept, so it misses none,
it survives restarts, and all workers and machines write to the one trail. What it cannot tell are
requests that were refused before an arm was known: `monitoring.prometheus_figures` may add those.
"""

from array import array
from collections.abc import Iterable

import numpy as np

from domain.decisions import DecisionRecord
from domain.ports import ARM_FAILED
from monitoring.exposures import Exposure
from registry.rollout_decision import ArmFigures
from registry.rollout_state import Rollout

QUANTILE = 0.99


class _Tally:
    """What is counted of the challenger's arm while records go by."""

    def __init__(self) -> None:
        self.decisions = self.failed = self.degraded = 0
        self.took_us = array("q")
        self.others: set[str] = set()

    def add(self, record: DecisionRecord, *, failed: bool) -> None:
        self.decisions += 1
        self.failed += failed
        self.degraded += record.answer.degraded
        self.others.clear()
        if record.took_us is not None:
            self.took_us.append(record.took_us)


def arm_figures(records: Iterable[DecisionRecord], plan: Rollout) -> ArmFigures:
    """Figures of the challenger's arm at the plan's step, from records in their order.

    `error_rate` is the share of its decisions in which the challenger gave no answer, so that the
    champion's was taken. `p99_ms` is of requests for one lead each, from arrival to decision.
    Where the challenger answers nobody, all decisions count that were made under the plan; none of
    them was its own, so that latency and the share of degraded ones are None.
    """
    tally, shadow = _Tally(), plan.weight == 0
    for record in records:
        arm = _arm(record, plan)
        if arm is None:
            continue
        if shadow:
            tally.add(record, failed=_silent(record, plan))
        elif arm == "challenger":
            tally.add(record, failed=record.answer.degraded_by == ARM_FAILED)
        else:
            tally.others.add(record.account_id or record.answer.lead_id)
    answered = tally.decisions
    timed = tally.took_us if not shadow else ()
    return ArmFigures(
        decisions=answered,
        error_rate=tally.failed / answered if answered else None,
        p99_ms=float(np.quantile(timed, QUANTILE)) / 1e3 if len(timed) else None,
        degraded=tally.degraded / answered if answered and not shadow else None,
        quiet=len(tally.others),
    )


def begun_figures(exposed: Iterable[Exposure], plan: Rollout) -> ArmFigures:
    """Figures of the challenger's arm of workflows at the plan's step: leads that began there."""
    begun, others = 0, set[str]()
    for one in exposed:
        if (one.assigned.rollout, one.assigned.step) != (plan.id, plan.step):
            continue
        if one.assigned.arm == "challenger":
            begun += 1
            others.clear()
        else:
            others.add(one.account_id or one.lead_id)
    return ArmFigures(decisions=begun, quiet=len(others))


def _arm(record: DecisionRecord, plan: Rollout) -> str | None:
    """Which arm of the plan's step decided; None where it was not under it."""
    for one in record.assigned:
        if (one.rollout, one.step) == (plan.id, plan.step):
            return one.arm
    return None


def _silent(record: DecisionRecord, plan: Rollout) -> bool:
    """Whether a challenger that runs beside the champion gave nothing."""
    beside = record.shadow if plan.kind == "model" else record.shadow_decisions
    return plan.challenger not in beside
