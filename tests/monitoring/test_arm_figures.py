"""What recorded decisions say of a challenger's arm."""

import msgspec
import pytest

from domain.bucketing import Arm, Assignment
from domain.decisions import DecisionRecord
from domain.ports import ARM_FAILED
from monitoring.rollout_figures import arm_figures
from registry.rollout_decision import ArmFigures, RolloutEvidence, decide
from registry.rollout_state import Rollout, RolloutStep
from tests.monitoring.records import record

PLAN = Rollout(
    id="rollout-1", champion="lead-1", challenger="lead-2", weight=0.2, started="2026-01-01", step=1
)


def decided(
    arm: Arm,
    *,
    why: str = "",
    step: int = 1,
    of: str = "rollout-1",
    took_us: int | None = None,
    account: str = "",
    shadow: bool = True,
) -> DecisionRecord:
    made = record("lead_1", 1, 0.5, account=account, shadow={"lead-2": 0.4} if shadow else {})
    answer = msgspec.structs.replace(made.answer, degraded=bool(why), degraded_by=why)
    placed = Assignment(
        rollout=of, kind="model", mode="canary", step=step, weight=0.2, holdout=0.0, arm=arm
    )
    return msgspec.structs.replace(made, answer=answer, assigned=(placed,), took_us=took_us)


RECORDS = [
    *[decided("challenger")] * 2,
    decided("challenger", why=ARM_FAILED, took_us=4_000),
    decided("challenger", why="inputs", took_us=2_000, shadow=False),
    decided("champion", why="inputs", took_us=900_000),
    decided("holdout"),
    decided("challenger", why="inputs", step=0),
    decided("challenger", why="inputs", of="rollout-2"),
    record("lead_1", 1, 0.5),
]


def test_the_arm_of_the_step_is_measured() -> None:
    found = arm_figures(RECORDS, PLAN)
    assert (found.decisions, found.error_rate, found.degraded) == (4, 0.25, 0.5)
    assert found.p99_ms == pytest.approx(3.98)
    assert found.quiet == 1, "one account since, its own lead, twice"


def test_beside_the_champion_its_silence_is_an_error() -> None:
    found = arm_figures(RECORDS, msgspec.structs.replace(PLAN, weight=0.0))
    assert found == ArmFigures(decisions=6, error_rate=1 / 6)


def test_nothing_recorded_is_nothing_measured() -> None:
    assert arm_figures([], PLAN) == ArmFigures(decisions=0)


@pytest.mark.parametrize(("accounts", "held"), [(20, False), (40, True)])
def test_an_arm_that_fell_silent_does_not_advance(accounts: int, held: bool) -> None:
    later = [decided("champion", account=f"acct{i}") for i in range(accounts)]
    steps = (RolloutStep(weight=0.1), RolloutStep(weight=0.2), RolloutStep(weight=0.5))
    plan = msgspec.structs.replace(PLAN, steps=steps)
    evidence = RolloutEvidence(
        rollout=plan.id, step=1, figures=arm_figures([*RECORDS, *later], plan)
    )
    found = decide(plan, "2026-01-02T00:00:00Z", evidence)
    assert found.action == ("hold" if held else "advance")
    assert any("answered none of the last" in one for one in found.reasons) == held


def test_who_was_asked_and_did_not_tell_holds() -> None:
    figures = ArmFigures(decisions=9, error_rate=0.0, absent=("Prometheus",))
    plan = msgspec.structs.replace(
        PLAN, steps=(RolloutStep(weight=0.1), RolloutStep(weight=0.2), RolloutStep(weight=0.5))
    )
    evidence = RolloutEvidence(rollout=plan.id, step=1, figures=figures)
    found = decide(plan, "2026-01-02T00:00:00Z", evidence)
    assert found.action == "hold"
    assert found.reasons == ("Prometheus was asked and did not tell",)
