"""Every YAML file that is read refuses a key given twice and one that it does not know, by line."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from config.home_files import rules_file
from config.settings import Settings, load_settings
from decisions.proof.cases import read_cases
from domain.errors import BadConfiguration, BadInput
from feature_repo.standard import STANDARD, read_service, standard_service
from jobs.agents.rules import load_agents
from jobs.alerts.rules import load_alerts
from jobs.effects.rules import load_connectors
from jobs.models.rollouts import read_course
from jobs.models.training_settings import training_config
from jobs.operate.rules import load_rules as load_operate
from monitoring.canary_rule import STANDARD_FILE as CANARY
from monitoring.canary_rule import load_rule
from monitoring.objectives import load_objectives
from monitoring.reports.rules import load_report_rules
from monitoring.triggers import STANDARD_FILE as TRIGGERS
from monitoring.triggers import load_limits
from registry.gate_file import STANDARD_FILE as GATES
from registry.gate_file import load_gates
from signals.contracts.contract_file import read_contract
from signals.mapping.mapping import load_mapping
from storage.typed_yaml import located
from storage.yaml_files import parse_yaml
from tests.conftest import ROOT
from training.config import TrainingConfig, read_config
from wiring.beginning_service import beginning_service
from wiring.quality import PACKAGED as QUALITY
from wiring.quality import load_quality
from workflow.chart.chart_file import read_chart
from workflow.owners.roster import read_roster

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS = set(PYPROJECT["tool"]["importlinter"]["root_packages"])
Read = Callable[[Path], object]
ROLLOUT = "mode: canary\nsteps:\n  - weight: 0.1\n  - weight: 0.5\nlimits:\n  p99_ms: 50\n"
WORKFLOW = ROOT / "workflow/workflow.yaml"
OWNERS = """version: 1
owners:
  anna: {capacity: 20, weight: 2}
  ben: {calendar: default, away: [{first: "2026-12-24", last: "2026-12-31"}]}
pools:
  sales: {owners: [anna, ben], queues: [small_business], turns: weighted}
otherwise: sales
"""
SETTINGS = "policy: standard\nport: 3000\n"
CASES = """
cases:
  - name: a large company in Germany
    facts: {score: 0.3, percentile: 99, profile.employees: 5000, profile.country: DE}
    expect: {queue: enterprise_emea, priority: 1, service_level_h: 4}
"""
FILES: dict[str, tuple[Read, str]] = {
    "gates.yaml": (load_gates, GATES.read_text()),
    "canary.yaml": (load_rule, CANARY.read_text()),
    "triggers.yaml": (load_limits, TRIGGERS.read_text()),
    "quality.yaml": (lambda path: load_quality(path.parent), QUALITY.read_text()),
    "training.yaml": (read_config, "outcome: won\nsplit:\n  test_share: 0.3\n"),
    "settings.yaml": (
        lambda path: load_settings({"LEADSCORE_HOME": str(path.parent)}),
        SETTINGS,
    ),
    "service.yaml": (read_service, STANDARD.read_text()),
    "rollout.yaml": (read_course, ROLLOUT),
    "routing.cases.yaml": (read_cases, CASES),
    "operate.yaml": (
        lambda path: load_operate(Settings(home=path.parent)),
        (ROOT / "jobs/operate/operate.yaml").read_text(),
    ),
    "alerts.yaml": (
        lambda path: load_alerts(Settings(home=path.parent)),
        (ROOT / "jobs/alerts/alerts.yaml").read_text(),
    ),
    "connectors.yaml": (
        lambda path: load_connectors(Settings(home=path.parent)),
        (ROOT / "jobs/effects/connectors.yaml").read_text(),
    ),
    "agents.yaml": (
        lambda path: load_agents(Settings(home=path.parent)),
        (ROOT / "jobs/agents/agents.yaml").read_text(),
    ),
    "slo.yaml": (load_objectives, (ROOT / "monitoring/slo.yaml").read_text()),
    "report.yaml": (load_report_rules, (ROOT / "monitoring/reports/report.yaml").read_text()),
    "workflow.yaml": (read_chart, WORKFLOW.read_text()),
    "owners.yaml": (read_roster, OWNERS),
    "mapping.yaml": (load_mapping, (ROOT / "examples/x_education/mapping.yaml").read_text()),
    "web.page_viewed.v1.yaml": (
        read_contract,
        (ROOT / "signals/contracts/web.page_viewed.v1.yaml").read_text(),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_as_it_should_be_is_read(tmp_path: Path, name: str) -> None:
    read, text = FILES[name]
    (tmp_path / name).write_text(text)
    read(tmp_path / name)


@pytest.mark.parametrize("name", FILES)
def test_every_key_given_twice_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    read, text = FILES[name]
    lines = text.splitlines()
    for line, key, end in keys(text):
        twice = [*lines[:end], lines[line - 1].split("#")[0], *lines[end:]]
        if line == end:
            refused(read, tmp_path / name, twice, f"line {end + 1}", key)


@pytest.mark.parametrize("name", FILES)
def test_an_unknown_key_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    read, text = FILES[name]
    lines = text.splitlines()
    refused(read, tmp_path / name, [*lines, "no_such_key: 1"], f"line {len(lines) + 1}", "no_such")


def keys(text: str) -> list[tuple[int, str, int]]:
    """(line, key, last line) of keys of block mappings at the left edge."""
    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    return [
        (k.start_mark.line + 1, str(k.value), v.end_mark.line + (v.end_mark.column > 0))
        for k, v in root.value
    ]


def refused(read: Read, path: Path, lines: list[str], where: str, key: str) -> None:
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(BadInput) as caught:
        read(path)
    said = str(caught.value)
    assert caught.value.where == f"{path.name}, {where}", said
    assert key in said
    assert "\n" not in said


@pytest.mark.parametrize("name", ["gates.yaml", "canary.yaml", "triggers.yaml", "quality.yaml"])
def test_a_home_may_have_its_own_rules(tmp_path: Path, name: str) -> None:
    packaged = {"gates.yaml": GATES, "canary.yaml": CANARY, "triggers.yaml": TRIGGERS}
    home = Settings(home=tmp_path)
    standard = packaged.get(name, QUALITY)
    assert rules_file(home, standard) == standard
    (tmp_path / name).write_text(standard.read_text())
    assert rules_file(home, standard) == tmp_path / name


@pytest.mark.parametrize("name", ["gates.yaml", "canary.yaml", "triggers.yaml", "quality.yaml"])
def test_a_file_that_cannot_be_read_is_told_and_not_left_out(tmp_path: Path, name: str) -> None:
    read, _ = FILES[name]
    (tmp_path / name).symlink_to(tmp_path / "nothing")
    path = tmp_path / name
    with pytest.raises(BadConfiguration) as caught:
        read(path)
    assert name in caught.value.where


def test_a_home_may_train_and_begin_with_files_of_its_own(tmp_path: Path) -> None:
    home = Settings(home=tmp_path)
    assert training_config(home, None) == TrainingConfig()
    assert beginning_service(home) == standard_service()
    (tmp_path / "training.yaml").write_text("trials: 3\n")
    (tmp_path / STANDARD.name).write_text(STANDARD.read_text().replace("version: 1", "version: 2"))
    (tmp_path / "other.yaml").write_text("trials: 4\n")
    assert training_config(home, None).trials == 3
    assert training_config(home, tmp_path / "other.yaml").trials == 4
    assert beginning_service(home).label == "standard_v2"


@pytest.mark.parametrize("name", ["home", "anchors"])
def test_what_only_the_environment_may_say_is_refused_with_its_line(
    tmp_path: Path, name: str
) -> None:
    refused(
        FILES["settings.yaml"][0],
        tmp_path / "settings.yaml",
        ["port: 3000", f"{name}: x"],
        "line 2",
        name,
    )


def test_yaml_is_read_by_the_strict_loader_alone() -> None:
    """Else a key given twice would silently win somewhere."""
    loose = re.compile(r"yaml\.(safe_load|load|full_load|unsafe_load)\b|msgspec\.yaml")
    rooms = {path for path in ROOT.glob("*/**/*.py") if path.relative_to(ROOT).parts[0] in ROOMS}
    assert len(rooms) > 200
    found = [
        str(path.relative_to(ROOT)) for path in sorted(rooms) if loose.search(path.read_text())
    ]
    assert found == []


NAMES = st.text("abcdef_", min_size=1, max_size=5)
TREES: st.SearchStrategy[object] = st.recursive(
    st.integers(0, 9),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(NAMES, inner, min_size=1, max_size=3)
    ),
    max_leaves=10,
)


@limits(max_examples=100, deadline=None)
@given(tree=st.dictionaries(NAMES, TREES, min_size=1, max_size=3), data=st.data())
def test_a_place_of_msgspec_has_its_line(tree: dict[str, object], data: st.DataObject) -> None:
    text = yaml.safe_dump(tree, default_flow_style=False)
    assert parse_yaml(text, "f") == tree
    steps, node, wanted = "", cast("Any", tree), ""
    while isinstance(node, dict | list) and (not steps or data.draw(st.booleans())):
        if isinstance(node, dict):
            key = data.draw(st.sampled_from(sorted(node)))
            steps, node, wanted = f"{steps}.{key}", node[key], f"{key}:"
        else:
            at = data.draw(st.integers(0, len(node) - 1))
            steps, node, wanted = f"{steps}[{at}]", node[at], "-"
    where = located(text, "f", f"Expected `int` - at `${steps}`")
    line = int(where.removeprefix("f, line "))
    assert wanted in text.splitlines()[line - 1] or wanted == "-"
