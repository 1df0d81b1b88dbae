"""The page of metrics and the dashboard tell of metrics that exist, as they exist."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from config.settings import Settings
from domain.measurement import Interval
from jobs.alerts.metrics_file import FILE, write_metrics
from jobs.alerts.watch import ReportFigures, ReportMeta
from tests.conftest import ROOT
from tests.observability.conftest import Page
from tests.servers import program

ROW = re.compile(r"^\| `(leadscore_\w+)` \| (\w+) \| *(.*?) *\| (.*?) \|", re.MULTILINE)
NAME = re.compile(r"\b(?:leadscore|bentoml)_\w+|\bslo:[\w:]+")
USED = re.compile(r"\bby \(([^)]*)\)|[{,]\s*(\w+)(?:=~|!~|!=|=)\"")
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yaml").read_text())["groups"]
RECORDED = {rule["record"] for group in RULES for rule in group["rules"] if "record" in rule}
OWN = {"le", "slo", "alertstate"}
"""Labels that Prometheus and the rules add."""


def labels_of(family: Metric) -> set[str]:
    return {label for sample in family.samples for label in sample.labels} - {"le"}


def table() -> dict[str, tuple[str, set[str], set[str]]]:
    page = (ROOT / "docs" / "observability.md").read_text()
    return {
        name: (kind, set(re.findall(r"`(\w+)`", labels)), set(where.split(", ")))
        for name, kind, labels, where in ROW.findall(page)
    }


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "deploy/grafana/leadscore.json").read_text())
    return found


def queries() -> list[str]:
    said = dashboard()
    shown = [t["expr"] for panel in said["panels"] for t in panel.get("targets", ())]
    return [*shown, *(note["expr"] for note in said["annotations"]["list"])]


@pytest.mark.parametrize("where", ["service", "worker"])
def test_the_page_tells_all_metrics_and_no_other(
    where: str, service_page: Page, worker_page: Page
) -> None:
    page = service_page if where == "service" else worker_page
    shown = {name: held for name, held in page.items() if name.startswith("leadscore_")}
    told = {name: row for name, row in table().items() if where in row[2]}
    # a worker counts its quarantine where it has a database
    assert set(shown) == set(told) - ({"leadscore_quarantine"} if where == "worker" else set())
    for name, family in shown.items():
        kind, labels, _ = told[name]
        assert family.type == kind, name
        assert labels_of(family) == labels or not family.samples, name


@pytest.mark.parametrize("query", queries())
def test_a_query_names_what_exists(query: str, service_page: Page, worker_page: Page) -> None:
    families = [*service_page.values(), *worker_page.values()]
    samples = {sample.name: family for family in families for sample in family.samples}
    named = set(NAME.findall(query))
    assert named or "ALERTS" in query
    assert named <= set(samples) | RECORDED, named - set(samples) - RECORDED
    known = OWN.union(*(labels_of(samples[name]) for name in named if name in samples))
    used = {word for by, label in USED.findall(query) for word in re.findall(r"\w+", by) or [label]}
    assert used <= known, used - known


@pytest.fixture
def alarms_page(tmp_path: Path) -> Page:
    """What a look for alarms writes where a report told the calibration error."""
    error = Interval(value=0.02, low=0.01, high=0.03)
    figures = ReportFigures(meta=ReportMeta(model="lead-1"), measures={"calibration_error": error})
    write_metrics(Settings(home=tmp_path), (), 0, figures)
    text = (tmp_path / FILE).read_text()
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_the_page_tells_all_that_a_look_for_alarms_writes(alarms_page: Page) -> None:
    assert set(alarms_page) == {name for name, row in table().items() if "file" in row[2]}


def test_the_rules_name_what_exists(
    service_page: Page, worker_page: Page, alarms_page: Page
) -> None:
    families = [*service_page.values(), *worker_page.values(), *alarms_page.values()]
    samples = {sample.name for family in families for sample in family.samples}
    expressions = [rule["expr"] for group in RULES for rule in group["rules"]]
    named = {name for expression in expressions for name in NAME.findall(expression)}
    assert named <= samples | RECORDED, named - samples - RECORDED


def test_the_rules_name_outcomes_and_buckets_that_exist(service_page: Page) -> None:
    text = (ROOT / "deploy" / "prometheus" / "rules.yaml").read_text()
    outcomes = {
        s.labels["outcome"] for s in service_page["leadscore_answers"].samples if s.labels
    } | {"degraded"}
    for pattern in re.findall(r'outcome=~?"([^"]+)"', text):
        assert set(pattern.split("|")) <= outcomes, pattern
    for family, le in re.findall(r'(leadscore_\w+)_bucket\{[^}]*le="([\d.]+)"', text):
        bounds = {s.labels.get("le") for s in service_page[family].samples}
        assert le in bounds, (family, le)


def test_promtool_can_read_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"query:{n}", "expr": query.replace("$__rate_interval", "5m")}
        for n, query in enumerate(queries())
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run(
        [program("promtool"), "check", "rules", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_has_the_fields_of_its_schema() -> None:
    said = dashboard()
    assert {"title", "uid", "panels", "templating", "time", "annotations"} <= set(said)
    assert said["schemaVersion"] >= 36
    assert said["id"] is None, "an id belongs to one Grafana"
    assert 8 <= len(said["uid"]) <= 40
    variables = {v["name"] for v in said["templating"]["list"]}
    assert len({p["id"] for p in said["panels"]}) == len(said["panels"])
    for panel in said["panels"]:
        at = panel["gridPos"]
        assert at["w"] > 0
        assert at["h"] > 0
        assert at["x"] + at["w"] <= 24
        if panel["type"] == "row":
            continue
        assert panel["title"]
        assert panel["description"]
        assert panel["type"] in {"timeseries", "stat", "heatmap"}
        assert {"defaults", "overrides"} <= set(panel["fieldConfig"])
        for target in panel["targets"]:
            assert target["refId"]
            assert re.findall(r"\$\{(\w+)\}", target["datasource"]["uid"]) == list(variables)
        assert len({t["refId"] for t in panel["targets"]}) == len(panel["targets"])


def test_no_two_panels_lie_on_one_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        mine = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not mine & taken, panel["title"]
        taken |= mine
