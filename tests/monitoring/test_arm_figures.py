"""What recorded decisions say of a challenger's arm."""

import msgspec
import pytest

from domain.decisions import Assignment, DecisionRecord
from domain.scores import Arm
from registry.rollout_decision import ArmFigures
from registry.rollout_state import Rollout
from tests.monitoring.records import record

PLAN = Rollout(
    id="rollout-1", champion="lead-1", challenger="lead-2", weight=0.2, started="2026-01-01", step=1
)


def decided(
    arm: Arm, *, degraded: bool = False, step: int = 1, of: str = "rollout-1"
) -> DecisionRecord:
    made = record("lead_1", 1, 0.5)
    answer = msgspec.structs.replace(made.answer, degraded=degraded)
    placed = Assignment(
        rollout=of, kind="model", mode="canary", step=step, weight=0.2, holdout=0.0, arm=arm
    )
    return msgspec.structs.replace(made, answer=answer, assigned=(placed,))


RECORDS = [
    *[decided("challenger")] * 3,
    decided("challenger", degraded=True),
    decided("champion", degraded=True),
    decided("holdout"),
    decided("challenger", degraded=True, step=0),
    decided("challenger", degraded=True, of="rollout-2"),
    record("lead_1", 1, 0.5),
]


@pytest.mark.parametrize(
    ("weight", "found"),
    [
        (0.2, ArmFigures(decisions=4, degraded=0.25)),
        (0.0, ArmFigures(decisions=6)),
    ],
)
def test_the_arm_of_the_step_is_counted(weight: float, found: ArmFigures) -> None:
    from monitoring.rollout_figures import arm_figures

    assert arm_figures(RECORDS, msgspec.structs.replace(PLAN, weight=weight)) == found


def test_nothing_recorded_is_nothing_measured() -> None:
    from monitoring.rollout_figures import arm_figures

    assert arm_figures([], PLAN) == ArmFigures(decisions=0)
