"""The service levels' rules: checked and tried by promtool, and as the page says they are."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.servers import program

RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
WINDOWS = ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"]
GROUPS = yaml.safe_load(RULES.read_text())["groups"]
RECORDED = [rule for group in GROUPS for rule in group["rules"] if "record" in rule]


def promtool(*words: str) -> str:
    done = subprocess.run(
        [program("promtool"), *words], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def objectives() -> dict[str, float]:
    found = [rule for rule in RECORDED if rule["record"] == "slo:objective"]
    return {r["labels"]["slo"]: float(r["expr"].removeprefix("vector(")[:-1]) for r in found}


def test_the_rules_are_well_formed() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(RULES))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rules_test.yaml", "rules_slow_test.yaml"])
def test_they_fire_when_they_should(name: str) -> None:
    promtool("test", "rules", str(RULES.with_name(name)))


def test_a_rule_that_is_wrong_is_found(tmp_path: Path) -> None:
    """The trials are able to fail: with a threshold off, they do."""
    said = RULES.read_text()
    assert said.count("14.4 * ") == 2
    (tmp_path / "rules.yaml").write_text(said.replace("14.4 * ", "144 * "))
    trials = yaml.safe_load(RULES.with_name("rules_test.yaml").read_text())
    trials["tests"] = [one for one in trials["tests"] if "for half an hour" in one["name"]]
    (tmp_path / "rules_test.yaml").write_text(yaml.safe_dump(trials))
    done = subprocess.run(
        [program("promtool"), "test", "rules", str(tmp_path / "rules_test.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "ErrorBudgetBurnsFast" in done.stdout + done.stderr


@pytest.mark.parametrize("slo", objectives())
def test_each_objective_is_measured_over_all_windows_alike(slo: str) -> None:
    mine = {
        rule["record"].rpartition(":")[2]: rule["expr"]
        for rule in RECORDED
        if rule["record"].startswith("slo:error_ratio") and rule["labels"]["slo"] == slo
    }
    assert list(mine) == WINDOWS
    shapes = {re.sub(rf"\[{w}\]", "[w]", expression) for w, expression in mine.items()}
    assert len(shapes) == 1


def test_the_page_tells_the_objectives_that_are_watched() -> None:
    page = (ROOT / "docs" / "observability.md").read_text()
    told = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+)% \|", page, re.MULTILINE))
    assert {name: round(float(value) / 100, 6) for name, value in told.items()} == objectives()
