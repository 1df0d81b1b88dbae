"""Workflows for tests: the standard one, changed or not, and leads that go through it."""

import copy
from pathlib import Path
from typing import Any

import msgspec
import yaml

from domain.clock import SECOND
from workflow.chart.chart_file import STANDARD_FILE, read_chart
from workflow.chart.facts import LeadFacts
from workflow.chart.lead_state import WorkflowEvent, WorkflowLead
from workflow.chart.spec import WorkflowSpec
from workflow.chart.statechart import Statechart
from workflow.chart.step import begin

HOUR = 3_600 * SECOND
DAY = 24 * HOUR
MONDAY = 1_767_571_200 * SECOND
"""2026-01-05, midnight UTC."""
NOON = MONDAY + 12 * HOUR
GOOD = LeadFacts(eligible=True, action="contact", grade="A", queue="sales", score=0.5)
POOR = LeadFacts(eligible=True, action="nurture", grade="D", queue="none", score=0.01)
CLOSED = LeadFacts(eligible=False, action="none", grade="A", score=0.5)


def standard() -> Statechart:
    return read_chart(STANDARD_FILE)


def document() -> dict[str, Any]:
    """The standard workflow's file, to be changed."""
    return copy.deepcopy(yaml.safe_load(STANDARD_FILE.read_text()))


def chart_of(changed: dict[str, Any]) -> Statechart:
    return Statechart(msgspec.convert(changed, WorkflowSpec))


def written(folder: Path, changed: dict[str, Any]) -> Path:
    path = folder / "workflow.yaml"
    path.write_text(yaml.safe_dump(changed, sort_keys=False))
    return path


def small(**states: Any) -> Statechart:
    """A chart of a few states, the first of them initial, with events `go` and `back` of people."""
    events = {"go": {"source": "person"}, "back": {"source": "person"}}
    events["decided"] = {"source": "decision"}
    taken = {name for state in states.values() for name in state.get("transitions", {})}
    return chart_of(
        {
            "version": 1,
            "name": "small",
            "initial": next(iter(states)),
            "events": {name: event for name, event in events.items() if name in taken},
            "states": states,
        }
    )


def lead(chart: Statechart, at_us: int = NOON) -> WorkflowLead:
    return begin(chart, "lead_1", "account_1", at_us)


def event(name: str, number: int = 0, **more: Any) -> WorkflowEvent:
    return WorkflowEvent(id=f"{name}-{number}", lead_id="lead_1", name=name, **more)


def decided(facts: LeadFacts, number: int = 1) -> WorkflowEvent:
    return event("decided", number, facts=facts, facts_us=number)
