"""The file of a workflow is refused by line where it is wrong; pictures are drawn of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from domain.errors import BadConfiguration
from jobs.workflow.simulate import simulate, simulated_roster
from tests.workflow.charts import chart_of, document, standard, written
from workflow.chart.chart_file import read_chart
from workflow.drawing.mermaid import mermaid
from workflow.drawing.svg import svg

Change = Callable[[dict[str, Any]], object]


def to(states: dict[str, Any], **more: Any) -> None:
    states["new"]["transitions"]["decided"] = [{"to": "qualified", **more}]


WRONG: list[tuple[Change, str, str]] = [
    (lambda d: d.update(initial="nwe"), "workflow-state", "Did you mean new"),
    (lambda d: to(d["states"], when="import os"), "workflow-guard", "guard"),
    (lambda d: to(d["states"], when="__import__('os')"), "workflow-guard", "parserError"),
    (lambda d: to(d["states"], when="rand(3) > 1"), "workflow-guard", "rand"),
    (lambda d: to(d["states"], when="email == 'a'"), "workflow-guard", "no fact"),
    (lambda d: to(d["states"], when="score >"), "workflow-guard", "guard"),
    (lambda d: d["states"]["won"].update(assign=True), "workflow-file", "final"),
    (lambda d: d["states"]["new"]["transitions"].pop("forgotten"), "workflow-file", "forgotten"),
    (
        lambda d: d["states"]["qualified"]["transitions"].update(unassigned=[{"assign": True}]),
        "workflow-file",
        "another owner",
    ),
    (lambda d: d["events"].update(assigned={"source": "person"}), "workflow-file", "itself"),
    (lambda d: d["events"].update(forgotten={"source": "person"}), "workflow-file", "timer"),
    (
        lambda d: d["states"]["new"]["transitions"].update(sold=[{"to": "won"}]),
        "workflow-event",
        "",
    ),
    (lambda d: d.update(migrates=[{"from_version": 1}]), "workflow-file", "former"),
    (lambda d: d["states"]["won"]["effects"][0]["fields"].update(x="e_mail"), "workflow-fact", ""),
    (lambda d: d["calendars"]["default"].update(zone="Mars/Olympus"), "calendar-known", "zone"),
]


@pytest.mark.parametrize(("change", "rule", "words"), WRONG)
def test_what_is_wrong_is_refused_with_its_rule(
    tmp_path: Path, change: Change, rule: str, words: str
) -> None:
    changed = document()
    change(changed)
    with pytest.raises(BadConfiguration, match=words) as raised:
        read_chart(written(tmp_path, changed))
    assert raised.value.rule == rule
    assert "workflow.yaml" in str(raised.value) or rule == "calendar-known"
    assert raised.value.todo


def test_the_fingerprint_is_of_what_decides() -> None:
    changed = document()
    assert chart_of(changed).fingerprint == standard().fingerprint
    changed["states"]["routed"]["timers"]["acceptance_due"]["after"] = {"working_hours": 5}
    assert chart_of(changed).fingerprint != standard().fingerprint


def test_a_picture_shows_every_state_and_runs_nothing() -> None:
    text = svg(standard())
    root = ElementTree.fromstring(text)
    names = [str(each.text) for each in root.iter() if each.get("class") == "name"]
    assert sorted(names) == sorted(standard().states)
    assert "<script" not in text
    assert "href" not in text


def test_a_text_for_mermaid_has_every_edge() -> None:
    lines = mermaid(standard()).splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> new"]
    assert "    won --> [*]" in lines
    assert any(line.startswith("    routed --> accepted: accept") for line in lines)
    assert not any(";" in line for line in lines)


def test_a_rehearsal_is_the_same_by_its_seed() -> None:
    def run(seed: int) -> object:
        return simulate(standard(), simulated_roster(3, 10), leads=60, days=40, seed=seed)

    assert run(1) == run(1) != run(2)
    seen = simulate(standard(), simulated_roster(1, 1), leads=60, days=40, seed=1)
    assert seen.unassigned > 0
    assert sum(state.leads for state in seen.states) == 60
