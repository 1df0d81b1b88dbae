"""Alarms, run books, the site's navigation and Prometheus' rules are of one mind."""

import re
from pathlib import Path

import pytest
import yaml

from jobs.alerts.alarms import alarms
from leadscore.cli import COMMANDS, GROUPS
from monitoring.alarms.catalogue import CATALOGUE, DRIFT, LOOKED, NAMES, AlarmName
from monitoring.objectives import load_objectives
from tests.alerts.homes import home
from tests.conftest import ROOT
from tests.deploy.test_rules import GROUPS as RULE_GROUPS
from tests.deploy.test_rules import objectives

BOOKS = ROOT / "docs" / "runbooks"
RULES = [rule for group in RULE_GROUPS for rule in group["rules"] if "alert" in rule]
URL = re.compile(r"docs/runbooks/([a-z-]+|\{\{ \$labels\.kind \}\})\.md")
HEADINGS = [
    "## What it means",
    "## How to see it",
    "## What was done by itself",
    "## What to do",
    "## When it ends",
]


def kinds_of(rule: dict[str, str]) -> set[str]:
    """The alarms whose series a rule looks at."""
    found = re.findall(r'leadscore_alarm_open\{kind=~?"([^"]+)"\}', rule["expr"])
    return {kind for names in found for kind in names.split("|")}


def test_every_alarm_has_a_cause_and_a_run_book_and_no_book_is_left_over() -> None:
    assert set(CATALOGUE) == set(NAMES)
    assert {path.stem for path in BOOKS.glob("*.md")} - {"README"} == set(NAMES)
    assert set(DRIFT) < set(LOOKED) < set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_book_tells_all_that_it_should(name: AlarmName) -> None:
    text = (BOOKS / f"{name}.md").read_text()
    assert re.findall(r"^## .*$", text, re.MULTILINE) == HEADINGS
    assert text.splitlines()[2] == f"`{name}`"
    groups = {group for group, _ in GROUPS}
    single = {command for command, _ in COMMANDS}
    for first, second in re.findall(r"leadscore ([a-z]+)(?: ([a-z]+))?", text):
        assert first in groups | single, f"leadscore {first}"
        typer_group = dict(GROUPS).get(first)
        if typer_group is not None:
            names = {c.name for c in typer_group.registered_commands}
            alone = typer_group.registered_callback is not None
            assert second in names or alone, f"leadscore {first} {second}"


def test_the_index_and_the_navigation_have_them_all() -> None:
    index = (BOOKS / "README.md").read_text()
    rows = re.findall(
        r"^\| \[([a-z-]+)\]\(([a-z-]+)\.md\) \| (\w+) \| (.+?) \| (.*?) ?\|$", index, re.M
    )
    assert [(a, s, c) for a, _, s, c, _ in rows] == [
        (name, kind.severity, kind.cause) for name, kind in CATALOGUE.items()
    ]
    assert [tuple(re.findall(r"`(\w+)`", r)) for *_, r in rows] == [
        k.rules for k in CATALOGUE.values()
    ]
    listed = re.findall(r"runbooks/([a-z-]+)\.md", (ROOT / "mkdocs.yml").read_text())
    assert listed == list(NAMES)


def test_every_prometheus_alert_leads_to_the_run_book_of_its_alarm() -> None:
    by_rule: dict[str, set[str]] = {}
    for name, kind in CATALOGUE.items():
        for alert in kind.rules:
            by_rule.setdefault(alert, set()).add(name)
    assert by_rule.keys() == {rule["alert"] for rule in RULES}
    for rule in RULES:
        target = URL.fullmatch(rule["annotations"]["runbook_url"])
        assert target, rule["alert"]
        if target[1].startswith("{{"):
            assert kinds_of(rule) == by_rule[rule["alert"]]
        else:
            assert by_rule[rule["alert"]] == {target[1]}
            assert kinds_of(rule) <= {target[1]}


def test_severities_are_the_same_on_both_sides() -> None:
    for rule in RULES:
        for name, kind in CATALOGUE.items():
            if rule["alert"] in kind.rules and kind.looked:
                assert rule["labels"]["severity"] == kind.severity, (rule["alert"], name)


def test_the_metrics_file_has_every_series_that_the_rules_look_at(tmp_path: Path) -> None:
    settings = home(tmp_path)
    alarms(settings)
    page = (settings.home / "metrics" / "leadscore_alarms.prom").read_text()
    series = re.findall(r'^leadscore_alarm_open\{kind="([a-z-]+)"\} ', page, re.MULTILINE)
    assert series == list(LOOKED)
    assert "leadscore_alarms_look_timestamp_seconds" in page
    assert {kind for rule in RULES for kind in kinds_of(rule)} <= set(LOOKED)


def test_objectives_and_rules_have_the_same_numbers() -> None:
    promised = load_objectives()
    assert {name: o.target for name, o in promised.shares.items()} == objectives()
    recorded = {
        rule["labels"]["slo"]: rule["expr"]
        for group in RULE_GROUPS
        for rule in group["rules"]
        if rule.get("record") == "slo:error_ratio:30d"
    }
    late = next(r for g in RULE_GROUPS for r in g["rules"] if r.get("record") == "slo:ingest_late")
    recorded["ingest_lag"] = recorded["ingest_lag"].replace(
        "slo:ingest_late[30d]", f"({late['expr']})[30d:1m]"
    )

    def tidy(expression: str) -> str:
        return re.sub(r"\s+", "", expression)

    assert {k: tidy(v) for k, v in promised.queries().items()} == {
        k: tidy(v) for k, v in recorded.items()
    }
    off = next(rule for rule in RULES if rule["alert"] == "CalibrationOff")
    assert off["expr"].split()[-1] == f"{promised.calibration_error:g}"
    burst = next(rule for rule in RULES if rule["alert"] == "AnswersDegraded")
    assert "> 0.05" in burst["expr"]


def test_the_page_of_alerts_is_in_the_navigation_and_names_the_files() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text()
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text().replace("!", ""))["nav"]
    assert "alerts.md" in str(navigation)
    for name in ("alerts.yaml", "slo.yaml", "leadscore_alarms.prom", "runbooks/README.md"):
        assert name in page
