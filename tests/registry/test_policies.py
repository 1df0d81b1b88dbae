"""Policies as versions: the same stages, gates and ledger as models', each kind by itself."""

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config.settings import Settings
from decisions.policy.golden_rows import broken, golden_rows
from decisions.policy.policy import load_policy
from domain.errors import BadConfiguration, BadInput, Missing, Refused
from domain.versions.manifest import Stage
from domain.versions.policy_manifest import POLICY_FILE
from jobs.models.promote import candidate, promote
from registry.cache import version_folder
from registry.transitions import GateRefusal
from scoring.live_policy import LivePolicy
from wiring import policies
from wiring.decisions import policy_path
from wiring.live_folders import policy_cache_of
from wiring.registry import open_policies, open_registry

CHAMPION, CHALLENGER = Stage.CHAMPION, Stage.CHALLENGER


@pytest.fixture
def home(tmp_path: Path, mlflow_template: Path) -> Settings:
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(mlflow_template, folder / "mlflow.db")
    return Settings(home=folder)


@pytest.fixture
def other(tmp_path: Path) -> Callable[..., Path]:
    """Writes the standard policy under another name, with changes."""

    def make(name: str = "routing", a: float = 0.2) -> Path:
        held = json.loads(policy_path("standard").read_text())
        held |= {"name": name, "grades": held["grades"] | {"A": a}}
        path = tmp_path / f"{name}-{a}.json"
        path.write_text(json.dumps(held))
        return path

    return make


def in_force(home: Settings) -> str:
    return policies.follow_policy(home, 0.0, time.monotonic)().champion.label


def test_what_is_registered_champion_decides(home: Settings, other: Callable[..., Path]) -> None:
    assert in_force(home) == "standard-1"
    decide = policies.follow_policy(home, 0.0, time.monotonic)
    for number, a in ((1, 0.2), (2, 0.4)):
        made = policies.register(home, other(a=a), "ann")
        assert (made.label, made.stage) == (f"routing-{number}", Stage.CANDIDATE)
    promote(home, candidate(home, "policy", "routing-1"), CHAMPION, by="ann", reason="first")
    assert decide().champion.label == in_force(home) == "routing-1"
    assert decide().champion.grade(0.3) == "A"
    with pytest.raises(GateRefusal) as refusal:
        promote(home, candidate(home, "policy", "2"), CHAMPION, by="ann", reason="rarer")
    (failed,) = [r for r in refusal.value.results if not r.passed]
    assert failed.name == "decides_like_champion"
    assert failed.value
    changes = len(policies.compare(home, "routing-2", None))
    assert changes == failed.value > 0
    assert all("eligible" not in d.fields for d in policies.compare(home, "routing-2", None))
    with pytest.raises(GateRefusal):
        promote(
            home, candidate(home, "policy", "2"), CHAMPION, by="a", reason="r", changes=changes - 1
        )
    done = promote(
        home, candidate(home, "policy", "2"), CHAMPION, by="a", reason="r", changes=changes
    )
    assert not done.override
    assert decide().champion.label == "routing-2"
    assert decide().champion.grade(0.3) == "B"
    open_policies(home).rollback(by="ann", reason="too rare")
    assert decide().champion.label == "routing-1"
    assert policies.policy_of_record(home, "routing-2").grade(0.3) == "B"
    entries = open_policies(home).ledger.entries()
    assert [e.kind for e in entries[-2:]] == ["promoted", "rolled_back"]
    assert [g.limit for g in entries[-2].gates if g.name == failed.name] == [changes]
    assert open_policies(home).verify() is None


def test_a_rollback_goes_back_to_what_was_in_force(
    home: Settings, other: Callable[..., Path]
) -> None:
    decide = policies.follow_policy(home, 0.0, time.monotonic)
    policies.register(home, other(), "ann")
    promote(home, candidate(home, "policy", "1"), CHAMPION, by="ann", reason="first")
    registry = open_policies(home)
    assert registry.rollback(by="ann", reason="complaints") is None
    assert decide().champion.label == in_force(home) == "standard-1"
    assert registry.standing().stages == {"routing-1": Stage.ARCHIVED}
    with pytest.raises(Missing, match="former-champion"):
        registry.rollback(by="ann", reason="nothing was before")
    promote(home, candidate(home, "policy", "1"), CHAMPION, by="ann", reason="again")
    assert decide().champion.label == "routing-1"
    assert registry.verify() is None


def test_a_refusal_names_the_option_that_lets_it_through(
    home: Settings, other: Callable[..., Path]
) -> None:
    for a in (0.2, 0.4):
        policies.register(home, other(a=a), "ann")
    promote(home, candidate(home, "policy", "1"), CHAMPION, by="ann", reason="first")
    with pytest.raises(GateRefusal) as refusal:
        promote(home, candidate(home, "policy", "2"), CHAMPION, by="ann", reason="rarer")
    said = re.search(r"`--changes (\d+)`", refusal.value.todo)
    assert said is not None
    assert "`--override`" in refusal.value.todo
    promote(
        home,
        candidate(home, "policy", "2"),
        CHAMPION,
        by="ann",
        reason="rarer",
        changes=int(said[1]),
    )
    assert in_force(home) == "routing-2"


def test_a_setting_wins_over_what_is_registered(home: Settings, other: Callable[..., Path]) -> None:
    policies.register(home, other(), "ann")
    promote(home, candidate(home, "policy", "1"), CHAMPION, by="ann", reason="first")
    named = Settings(home=home.home, policy="generic")
    assert (in_force(home), in_force(named)) == ("routing-1", "generic-1")


def test_models_and_policies_do_not_stand_in_each_others_way(
    home: Settings, other: Callable[..., Path], sealed: Callable[..., Path]
) -> None:
    models = open_registry(home)
    models.register(sealed(), run_id=None, by="ann")
    policies.register(home, other(), "ann")
    models.transition("lead-1", CHAMPION, by="ann", reason="first")
    promote(home, candidate(home, "policy", "routing-1"), CHAMPION, by="ann", reason="first")
    assert [v.label for v in models.versions()] == ["lead-1"]
    assert [v.label for v in open_policies(home).versions()] == ["routing-1"]
    with pytest.raises(Missing, match="former-champion"):
        models.rollback(by="ann", reason="the policy is not its former champion")
    with pytest.raises(Missing, match="version-known"):
        models.transition("routing-1", CHALLENGER, by="ann", reason="no model")
    with pytest.raises(BadInput, match="version-name"):
        policies.register(home, other(name="lead"), "ann")
    assert models.verify() is open_policies(home).verify() is None


def test_a_packaged_name_stands_for_what_comes_along(
    home: Settings, other: Callable[..., Path]
) -> None:
    with pytest.raises(Refused, match="policy-name"):
        policies.register(home, other("standard", a=0.5), "ann")
    assert policies.register(home, policy_path("standard"), "ann").label == "standard-1"
    assert policies.register(home, other("standard", a=0.5), "ann").label == "standard-2"


def test_a_policy_with_findings_is_not_registered(home: Settings, tmp_path: Path) -> None:
    held = json.loads(policy_path("standard").read_text())
    held["decision"]["edges"] = []
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(held | {"name": "bad"}))
    with pytest.raises(BadConfiguration):
        policies.register(home, path, "ann")
    assert open_policies(home).ledger.entries() == []


def test_golden_rows_reach_every_rule_and_repeat() -> None:
    path = policy_path("standard")
    rows, again = golden_rows(path), golden_rows(path)
    assert rows == again
    assert broken(rows, load_policy(path)) == 0
    assert {row.facts.grade for row in rows} == set("ABCD")
    held = json.loads(path.read_text())
    named = {
        cell.strip("'\"")
        for node in held["decision"]["nodes"]
        if node["type"] == "decisionTableNode"
        for column in node["content"]["outputs"]
        if column["field"] == "rule"
        for cell in (row[column["id"]] for row in node["content"]["rules"])
    }
    reached = {rule for row in rows for rule in row.decision.rules}
    assert len(reached & named) >= 0.9 * len(named), named - reached


def test_an_altered_policy_never_decides(
    home: Settings, other: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    for a in (0.2, 0.4):
        policies.register(home, other(a=a), "ann")
    promote(home, candidate(home, "policy", "1"), CHAMPION, by="ann", reason="first")
    cache = policy_cache_of(home)
    live = LivePolicy(cache, lambda: load_policy(policy_path("standard")), 0.0, time.monotonic)
    assert live.current().champion.label == "routing-1"
    promote(home, candidate(home, "policy", "2"), CHAMPION, by="a", reason="r", override=True)
    path = version_folder(cache, "routing-2") / POLICY_FILE
    whole = path.read_text()
    path.write_text(whole + " ")
    for _ in range(3):
        assert live.current().champion.label == "routing-1"
    assert len(caplog.records) == 1
    with pytest.raises(BadInput, match="version-unaltered"):
        in_force(home)
    path.write_text(whole)
    assert live.current().champion.label == "routing-2"
