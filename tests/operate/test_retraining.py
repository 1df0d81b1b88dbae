"""Retraining by the loop: a trigger fires, a version is trained once, and rolled out where told."""

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from config.settings import Settings
from domain.clock import SECOND, iso
from domain.errors import Unavailable
from jobs.operate import retraining
from jobs.operate.job import JobRun
from jobs.operate.retraining import retrain
from jobs.operate.rules import load_rules
from jobs.operate.stores import open_runs
from jobs.signals.ingest_files import ingest_files
from registry import rollout
from registry.gate_file import STANDARD_FILE
from tests.operate.homes import QUICK, schedule
from wiring.registry import open_registry
from wiring.signals import open_signals

TRAINING: dict[str, Any] = {
    "trials": 1,
    "iterations": 20,
    "border_count": 32,
    "horizon_days": 21,
    "cutoffs": {"rule": "every", "days": 7},
}
EASY = {"rule": "at_most", "name": "no_leaks", "count": "unwaived_leaks", "limit": 0}
LEAVES = ["retraining_considered", "registered", "promoted", "rollout_started"]


@pytest.fixture
def settings(own_home: Settings) -> Settings:
    """The trained home, in which one new outcome is reason to train."""
    schedule(own_home, retraining=QUICK, retraining_={"then": "challenger"})
    one_won(own_home)
    write(own_home, "triggers.yaml", {"version": 1, "new_outcomes": 1, "rest_days": 0})
    write(own_home, "training.yaml", TRAINING)
    gates = yaml.safe_load(STANDARD_FILE.read_text())
    write(own_home, "gates.yaml", {**gates, "challenger": [EASY]})
    return own_home


def one_won(settings: Settings) -> None:
    """One deal is won a second after all that is known."""
    at_us = open_signals(settings).directory.watermark_us() + SECOND
    event = {
        "id": "won-after",
        "source": "crm",
        "type": "crm.deal_won",
        "time": iso(at_us),
        "identifiers": {"crm_id": "L-0000001"},
        "data": {"amount": 100.0},
    }
    file = settings.home.parent / "won.jsonl"
    file.write_text(json.dumps(event) + "\n")
    ingest_files(settings, [str(file)], None, lambda _: None)


def write(settings: Settings, name: str, said: dict[str, Any]) -> None:
    (settings.home / name).write_text(yaml.safe_dump(said))


def run_of(settings: Settings) -> JobRun:
    began_us = open_runs(settings).now_us
    return JobRun(settings, load_rules(settings), 0, began_us, check=lambda: None)


def by_the_loop(settings: Settings) -> list[str]:
    return [e.kind for e in open_registry(settings).ledger.entries() if e.by == "operate"]


def test_a_new_version_waits_until_the_rollout_under_way_has_ended(settings: Settings) -> None:
    result = retrain(run_of(settings))
    assert (result.outcome, by_the_loop(settings)) == ("held", [])
    assert "goes first" in result.notes[0]


def test_where_no_trigger_fires_that_is_recorded_once(settings: Settings) -> None:
    rollout.abort(open_registry(settings), by="ann", reason="tests")
    write(settings, "triggers.yaml", {"version": 1, "age_days": 10_000})
    run = run_of(settings)
    assert retrain(run).outcome == "idle"
    assert retrain(run).outcome == "idle"
    assert by_the_loop(settings) == ["retraining_considered"]


@pytest.mark.slow
def test_whatever_it_was_broken_off_behind_each_step_is_taken_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = open_registry(settings)
    rollout.abort(registry, by="ann", reason="tests")
    run = run_of(settings)
    for name in ("_trained", "promote", "begin"):
        break_off(run, monkeypatch, name)
    result = retrain(run)
    assert (result.outcome, by_the_loop(settings)) == ("done", LEAVES)
    assert retrain(run).outcome == "done"
    assert by_the_loop(settings) == LEAVES, "done again, it does nothing"
    plan = registry.standing().rollout
    assert plan is not None
    assert (plan.challenger, plan.weight, plan.patience_days) == ("lead-3", 0.05, 60)
    rollout.abort(registry, by="ann", reason="no")
    assert retrain(run).outcome == "done"
    assert registry.standing().rollout is None, "what a person ended is not begun again"


def break_off(run: JobRun, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """End the run right after one of its steps has been taken."""
    taken = getattr(retraining, name)

    def then_die(*given: Any, **named: Any) -> Any:
        taken(*given, **named)
        raise Unavailable("killed", rule="operate-lease")

    with monkeypatch.context() as patch:
        patch.setattr(retraining, name, then_die)
        with pytest.raises(Unavailable, match="killed"):
            retrain(run)


@pytest.mark.slow
def test_who_lost_the_turn_registers_nothing(settings: Settings) -> None:
    rollout.abort(open_registry(settings), by="ann", reason="tests")
    left = 3

    def check() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Unavailable("another process took over", rule="operate-lease")

    with pytest.raises(Unavailable, match="took over"):
        retrain(replace(run_of(settings), check=check))
    assert by_the_loop(settings) == ["retraining_considered"]
