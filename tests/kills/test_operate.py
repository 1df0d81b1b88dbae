"""The operating loop, killed anywhere: every step once, the ledger whole, no run lost.

`leadscore operate once` is begun again and again and killed with SIGKILL, its jobs with it. A dozen
kills always; `make soak` does a hundred.
"""

import random
import shutil
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

from config.settings import Settings
from domain.clock import from_us
from domain.versions.manifest import Stage
from jobs.operate.backup import STAMP
from jobs.operate.run import Run
from jobs.operate.stores import open_runs
from registry import rollout
from registry.rollout_spec import RolloutSpec
from registry.rollout_state import RolloutStep
from tests.kills.homes import assert_sound
from tests.kills.killing import MOST_S, Kills, Victim, timed
from tests.operate.homes import QUICK, jobs_of, schedule, small_home
from tests.registry.conftest import mlflow_template, sealed
from tests.soak.commands import until
from wiring.integrity.agreement import ledger_entries
from wiring.registry import open_registry

__all__ = ["mlflow_template", "sealed"]
SHORT = pytest.param(0, 12)
LONG = pytest.param(1, 100, marks=pytest.mark.soak)
WEIGHTS = [n / 100 for n in range(1, 100)]
ONCE = ("operate", "once")
pytestmark = pytest.mark.timeout(7200)


@pytest.fixture
def settings(tmp_path: Path, mlflow_template: Path, sealed: Callable[..., Path]) -> Settings:
    """A home with a rollout of 99 steps under way, each of which only waits to be taken."""
    made = small_home(tmp_path, rollouts=QUICK, backup=QUICK, retention=QUICK)
    shutil.copy(mlflow_template, made.home / "mlflow.db")
    registry = open_registry(made)
    for stage in (Stage.CHAMPION, Stage.CHALLENGER):
        label = registry.register(sealed(), run_id=None, by="ann").label
        registry.transition(label, stage, by="ann", reason="tests")
    steps = tuple(RolloutStep(weight=weight) for weight in WEIGHTS)
    course = RolloutSpec(steps=steps, needs_pass=False)
    rollout.start(registry, by="ann", reason="tests", course=course)
    schedule(made, rollouts=QUICK, backup=QUICK, retention=QUICK, backup_={"keep": 1000})
    return made


def runs(settings: Settings) -> list[Run]:
    """All runs, the oldest first."""
    return open_runs(settings).runs(100_000)[::-1]


def weights(settings: Settings) -> list[float]:
    """The weights that the rollout had, one after the other."""
    plans = [entry.rollout for entry in ledger_entries(settings) if entry.rollout is not None]
    return [plan.weight for plan in plans]


def phase(settings: Settings, before: int) -> Callable[[], str]:
    """How far a killed loop had come, once the last of its jobs is dead too."""

    def look() -> str:
        until(lambda: not jobs_of(settings), MOST_S)
        new = runs(settings)[before:]
        if not new:
            return "0 before its turn"
        open_ones = [run.job for run in new if run.outcome == "running"]
        return f"1 amid {', '.join(sorted(open_ones))}" if open_ones else "2 between runs"

    return look


def assert_each_once(settings: Settings) -> None:
    """Of each moment of each job all attempts but the last were broken off; each step was once."""
    found = sorted(runs(settings), key=lambda run: (run.job, run.due_us, run.attempt))
    for _, attempts in groupby(found, key=lambda run: (run.job, run.due_us)):
        outcomes = [run.outcome for run in attempts]
        assert set(outcomes[:-1]) <= {"interrupted"}, outcomes
    assert weights(settings) == WEIGHTS[: len(weights(settings))]


@pytest.mark.parametrize(("seed", "most"), [SHORT, LONG])
def test_the_loop_killed_anywhere(
    seed: int, most: int, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {**settings.environment(), "PYTHONDONTWRITEBYTECODE": "1"}
    usual_s = timed(environment, *ONCE)
    watched = ("home/operate.db*", "home/ledger.db*", "home/backups/*")
    kills = Kills(random.Random(seed), most)
    while not kills.spent:
        victim = Victim(environment, ONCE, watched, usual_s)
        kills.strike(victim, phase(settings, len(runs(settings))))
        until(lambda: not jobs_of(settings), MOST_S)
        assert_each_once(settings)
        assert_sound(settings, whole=kills.count % 10 == 0)
        if len(weights(settings)) == len(WEIGHTS):
            break
    Victim(environment, ONCE, watched, usual_s).finish()
    assert_each_once(settings)
    assert_sound(settings)
    settled = [run for run in runs(settings) if run.outcome != "interrupted"]
    assert {run.outcome for run in settled} <= {"done", "idle", "held"}, "none is lost"
    steps = [run for run in settled if (run.job, run.outcome) == ("rollouts", "done")]
    assert len(steps) == len(weights(settings)) - 1, "a step for each moment that was due"
    made = Counter(path.name for path in (settings.home / "backups").iterdir())
    due = {from_us(run.due_us).strftime(STAMP) for run in settled if run.job == "backup"}
    assert set(made) == due, "a copy for each moment, and nothing half done"
    kills.report(capsys, "operate", f"{len(settled)} runs, {len(weights(settings))} steps")
