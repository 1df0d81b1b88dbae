"""Rollouts as an engineer runs them: plans, steps, evidence, exit codes."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings

PLAN = """
mode: canary
steps:
  - {weight: 0.05, dwell_hours: 24, decisions: 500}
  - {weight: 0.2, dwell_hours: 24, decisions: 2000}
  - {weight: 0.5, dwell_hours: 72}
holdout: 0.05
limits: {error_rate: 0.01, p99_ms: 50, degraded: 0.05, after: 100}
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    own_home: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs `leadscore rollout …` on a home of its own; exit code, output, errors."""
    from leadscore.cli import main

    monkeypatch.setenv("LEADSCORE_HOME", str(own_home.home))
    capsys.readouterr()

    def act(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["leadscore", "rollout", *words])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return act


def told(run: Run, *words: str) -> Any:
    code, out, err = run(*words, "--json")
    assert code == 0, err
    return json.loads(out)


def test_a_canary_from_a_file_is_held_advanced_and_rolled_back(run: Run, tmp_path: Path) -> None:
    reason = ("--reason", "tests", "--by", "ann")
    assert told(run, "status")["model"]["weight"] == 0.5
    code, _, err = run("start", *reason)
    assert (code, "rollout-single" in err) == (1, True)
    assert run("abort", *reason)[0] == 0

    file = tmp_path / "rollout.yaml"
    file.write_text(PLAN.replace("dwell_hours: 72", "dwell: 72"))
    code, _, err = run("start", "--plan", str(file), *reason)
    assert code == 2
    assert "rollout.yaml, line 6: Object contains unknown field `dwell` - at `$.steps[2]`" in err
    file.write_text(PLAN)
    code, _, err = run("start", "--plan", str(file), "--mode", "shadow", *reason)
    assert (code, "Give a file, or options" in err) == (2, True)
    plan = told(run, "start", "--plan", str(file), *reason)
    assert (plan["weight"], plan["holdout"], len(plan["steps"])) == (0.05, 0.05, 3)
    code, out, _ = run("status", "--kind", "model")
    assert f"model: {plan['id']}: {plan['champion']} -> {plan['challenger']}, canary, " in out
    assert "step 1 of 3, weight 0.05, holdout 0.05" in out

    figures = tmp_path / "figures.json"
    figures.write_text('{"decisions": 700, "error_rate": 0.0, "p99_ms": 31, "degraded": 0.01}')
    found = told(run, "tick", "--figures", str(figures))
    assert found["progress"]["action"] == "hold"
    assert found["evidence"]["judged"]["name"] == "canary-2"
    assert "hours have passed of 24" in found["progress"]["reasons"][0]
    assert told(run, "advance", *reason)["weight"] == 0.2
    assert told(run, "hold", *reason)["held"] is True

    figures.write_text('{"decisions": 700, "error_rate": 0.02, "p99_ms": 31}')
    code, out, err = run("tick", "--figures", str(figures))
    assert code == 1
    assert out.startswith(f"roll_back: {plan['id']}")
    assert "error_rate is 0.02, the limit is 0.01" in out
    assert "rollout-rolled-back" in err
    assert told(run, "status") == {"model": None, "policy": None, "workflow": None, "holdout": None}
    assert run("tick")[0] == run("abort", *reason)[0] == 3


def test_by_options_and_finished(run: Run) -> None:
    reason = ("--reason", "tests")
    run("abort", *reason)
    plan = told(run, "start", "--step", "0.1:24:50", "--step", "0.5", "--holdout", "0.02", *reason)
    assert plan["steps"] == [
        {"weight": 0.1, "dwell_hours": 24.0, "decisions": 50},
        {"weight": 0.5, "dwell_hours": 0.0, "decisions": 0},
    ]
    assert told(run, "advance", "--weight", "0.3", *reason)["weight"] == 0.3
    code, out, err = run("finish", *reason)
    refused = "REFUSED" in out  # the gates decide, as of any promotion
    assert code == refused, err
    assert refused == ("gates-passed" in err)
    assert refused != ("challenger -> champion" in out)
    held = told(run, "status", "--kind", "model")["model"]
    assert (held is not None) == refused, "who is refused goes on as before"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--step", "1:2:3:4"), "--step is '1:2:3:4'"),
        (("--step", "much"), "--step is 'much'"),
        (("--step", "0.97", "--holdout", "0.05"), "must not exceed 1"),
        (("--mode", "big_bang"), "mode"),
        (("--kind", "feature"), "must be model, policy or workflow"),
        (("--mode", "holdout", "--holdout", "0.1"), "--kind policy"),
    ],
)
def test_options_that_cannot_be_are_refused(run: Run, words: tuple[str, ...], said: str) -> None:
    code, out, err = run("start", *words, "--reason", "tests")
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_holdout_stands_grows_and_ends(run: Run) -> None:
    kind = ("--kind", "policy", "--reason", "tests")
    plan = told(run, "start", "--mode", "holdout", "--holdout", "0.05", *kind)
    assert told(run, "status")["holdout"] == plan
    assert told(run, "advance", "--holdout", "0.1", *kind)["holdout"] == 0.1
    assert run("abort", "--holdout", *kind)[1] == f"{plan['id']}: ended\n"
    assert told(run, "status", "--kind", "policy") == {"policy": None, "holdout": None}


def test_a_verdict_on_other_versions_is_no_evidence(run: Run, tmp_path: Path) -> None:
    from msgspec.json import encode

    from monitoring.canary import CanaryVerdict
    from monitoring.canary_rule import load_rule

    verdict = CanaryVerdict(
        outcome="fail",
        reasons=("the Brier score differs",),
        champion="lead-1",
        challenger="lead-9",
        paired=1,
        matured=1,
        positives=1,
        measures=(),
        rule=load_rule(),
    )
    file = tmp_path / "verdict.json"
    file.write_bytes(encode(verdict))
    code, _, err = run("tick", "--verdict", str(file))
    assert (code, "the verdict is on lead-1 and lead-9" in err) == (2, True)
    file.write_bytes(encode(verdict).replace(b"lead-9", b"lead-2"))
    code, out, _ = run("tick", "--verdict", str(file))
    assert code == 1
    assert "verdict canary-2: fail" in out
