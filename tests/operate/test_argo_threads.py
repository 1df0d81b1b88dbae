"""What went wrong in Argo Rollouts, tried on our loop: its threads 1411, 1360, 1329 and 3015.

https://github.com/argoproj/argo-rollouts/issues has the threads by these numbers.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from config.settings import Settings
from domain.bucketing import Assignment
from domain.clock import DAY, SystemClock, parse_iso, to_us
from domain.versions.manifest import Stage
from jobs.operate.job import JobRun
from jobs.operate.rollout_steps import step
from jobs.operate.rules import load_rules
from jobs.operate.run import ENDED_WELL, JobResult
from jobs.operate.schedule import Due
from jobs.operate.stores import open_runs
from registry import rollout
from registry.rollout_spec import RolloutSpec
from registry.rollout_state import Rollout, RolloutLimits, RolloutStep
from tests.monitoring.records import record
from tests.operate.homes import QUICK, small_home
from tests.registry.conftest import mlflow_template, sealed
from tests.waiting import until
from wiring.decisions import open_trail
from wiring.registry import open_registry

__all__ = ["mlflow_template", "sealed"]
STEPS = (RolloutStep(weight=0.1), RolloutStep(weight=0.5), RolloutStep(weight=0.9))


@pytest.fixture
def settings(tmp_path: Path, mlflow_template: Path, sealed: Callable[..., Path]) -> Settings:
    """A home with a champion and a challenger, of whose decisions nothing is recorded yet."""
    made = small_home(tmp_path, rollouts=QUICK)
    shutil.copy(mlflow_template, made.home / "mlflow.db")
    registry = open_registry(made)
    for stage in (Stage.CHAMPION, Stage.CHALLENGER):
        label = registry.register(sealed(), run_id=None, by="ann").label
        registry.transition(label, stage, by="ann", reason="tests")
    return made


def start(settings: Settings, course: RolloutSpec) -> Rollout:
    return rollout.start(open_registry(settings), by="ann", reason="tests", course=course)


def stepped(settings: Settings) -> JobResult:
    """One run of the loop's job of rollouts."""
    now_us = open_runs(settings).now_us
    return step(JobRun(settings, load_rules(settings), now_us, now_us, check=lambda: None))


def decided(settings: Settings, plan: Rollout, count: int, *, degraded: int = 0) -> None:
    """Decisions of the challenger's arm at a step of a rollout."""
    placed = Assignment(
        rollout=plan.id,
        kind="model",
        mode="canary",
        step=plan.step,
        weight=plan.weight,
        holdout=0.0,
        arm="challenger",
    )
    now_us, made = to_us(SystemClock().now()), []
    for n in range(count):
        one = record(f"lead_{plan.step}_{n}", now_us + n, 0.5, model=plan.challenger)
        answer = msgspec.structs.replace(one.answer, degraded=n < degraded, arm="challenger")
        made.append(msgspec.structs.replace(one, answer=answer, assigned=(placed,)))
    open_trail(settings).append(made)


def under_way(settings: Settings) -> Rollout | None:
    return open_registry(settings).standing().rollout


def kinds(settings: Settings) -> list[str]:
    return [entry.kind for entry in open_registry(settings).ledger.entries()]


def test_1411_a_failed_analysis_stops_the_rollout_for_good(settings: Settings) -> None:
    """There the canary went on though its analysis failed."""
    limits = RolloutLimits(degraded=0.05)
    course = RolloutSpec(steps=STEPS, limits=limits, needs_pass=False)
    decided(settings, start(settings, course), 20)
    assert stepped(settings).outcome == "done"
    plan = under_way(settings)
    assert plan is not None
    assert plan.step == 1
    rollout.hold(open_registry(settings), by="bob", reason="until Monday")
    decided(settings, plan, 20, degraded=2)
    result = stepped(settings)
    assert result.outcome == "refused"
    assert "degraded is 0.1, the limit is 0.05" in result.notes[0]
    assert under_way(settings) is None
    before = kinds(settings)
    assert before[-1] == "rollout_rolled_back"
    assert stepped(settings).outcome == "idle"
    assert kinds(settings) == before, "and nothing begins it again"


def test_a_run_that_is_begun_again_takes_no_second_step(settings: Settings) -> None:
    start(settings, RolloutSpec(steps=STEPS, needs_pass=False))
    now_us = open_runs(settings).now_us
    run = JobRun(settings, load_rules(settings), now_us, now_us, check=lambda: None)
    for _ in range(3):
        assert step(run).outcome == "done"
    plan = under_way(settings)
    assert plan is not None
    assert plan.step == 1
    assert stepped(settings).outcome == "done", "the next run does"


def test_1360_a_figure_that_is_late_is_waited_for(settings: Settings) -> None:
    """There the analysis ended well before a metric with a delay had been measured at all."""
    limits = RolloutLimits(degraded=0.05)
    plan = start(settings, RolloutSpec(steps=STEPS, limits=limits, needs_pass=False))
    for _ in range(3):
        result = stepped(settings)
        assert result.outcome == "held", "all else is good, and it is not enough"
        assert "degraded has a limit and was not measured" in result.notes[0]
    assert under_way(settings) == plan
    decided(settings, plan, 20)
    assert stepped(settings).outcome == "done"


def test_1329_what_was_terminated_is_no_success(settings: Settings) -> None:
    """There a measurement that was ended by force stood in the status as successful."""
    start(settings, RolloutSpec(steps=STEPS, needs_pass=False))
    runs = open_runs(settings)
    first = runs.take("a:1", 1)
    assert first is not None
    run = runs.begin(first, "rollouts", Due(due_us=7), 7)
    assert run is not None
    runs.leave(first)
    second = runs.take("b:2", 60)
    assert second is not None
    runs.interrupt_former(second)
    assert not runs.end(run, "done", ["whoever was given up says it went well"])
    assert runs.newest()["rollouts"].outcome == "interrupted"
    assert runs.totals() == {("rollouts", "interrupted"): 1}
    assert {"interrupted", "timed_out", "failed"}.isdisjoint(ENDED_WELL)
    rollout.abort(open_registry(settings), by="bob", reason="too early")
    assert kinds(settings)[-1] == "rollout_aborted"
    standing = open_registry(settings).standing()
    assert (standing.champion, standing.challenger) == ("lead-1", "lead-2")


def test_3015_undecided_is_neither_stuck_nor_for_ever(settings: Settings) -> None:
    """There a step hung once an analysis was inconclusive, whoever promoted it."""
    start(settings, RolloutSpec(steps=STEPS))
    result = stepped(settings)
    assert result.outcome == "held"
    assert "`leadscore rollout advance`, goes on without" in result.notes[0]
    rollout.advance(open_registry(settings), by="bob", reason="seen")
    plan = under_way(settings)
    assert plan is not None
    assert plan.step == 1, "a person goes on at once"
    rollout.abort(open_registry(settings), by="bob", reason="once more, with patience")
    plan = start(settings, RolloutSpec(steps=STEPS, patience_days=1e-6))
    until(lambda: to_us(SystemClock().now()) > to_us(parse_iso(plan.started)) + DAY * 1e-6)
    result = stepped(settings)
    assert result.outcome == "refused"
    assert "undecided after" in result.notes[0]
    entry = open_registry(settings).ledger.entries()[-1]
    assert (entry.kind, entry.by) == ("rollout_rolled_back", "operate")
    assert entry.reason.startswith("undecided after")
