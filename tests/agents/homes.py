"""Homes with agents and leads in a workflow, whose newest decision says what a test wants."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from config.settings import Settings
from domain.clock import SystemClock, to_us
from domain.decisions import DecisionRecord
from domain.scores import Reason
from jobs.workflow.home import open_leads
from tests.alerts.homes import decided, home
from tests.monitoring.records import record
from workflow.chart.facts import LeadFacts
from workflow.chart.lead_state import WorkflowEvent

STATES: Mapping[str, tuple[str, ...]] = {
    "new": (),
    "engaged": ("interested",),
    "qualified": (),
    "won": ("won",),
    "lost": ("lost",),
}
"""States of the standard workflow, and the events that lead there."""
GRADES = {"qualified": "A"}


def agents_home(folder: Path, agents: dict[str, Any], **more: Any) -> Settings:
    settings = home(folder)
    configure_agents(settings, agents, **more)
    return settings


def configure_agents(settings: Settings, agents: dict[str, Any], **more: Any) -> None:
    document = {"version": 1, "agents": agents, **more}
    (settings.home / "agents.yaml").write_bytes(msgspec.yaml.encode(document))


def model_at(address: str) -> dict[str, Any]:
    return {
        "address": f"{address}/v1",
        "name": "scripted",
        "key_variable": "MODEL_KEY",
        "private_networks": ["127.0.0.0/8"],
    }


def facts(state: str, **more: Any) -> LeadFacts:
    values = {"eligible": True, "action": "contact", "queue": "inside", "score": 0.25}
    return LeadFacts(**{**values, "grade": GRADES.get(state, "D"), **more})


def arrive(
    settings: Settings,
    leads: Mapping[str, str],
    profiles: Mapping[str, Mapping[str, Any]] | None = None,
    reasons: Mapping[str, str] | None = None,
    **more: Any,
) -> None:
    """Leads by id come into their states, each with a decision that has such a profile."""
    now_us, store = to_us(SystemClock().now()), open_leads(settings)
    events = []
    for lead_id, state in leads.items():
        said = WorkflowEvent(
            id=f"d-{lead_id}",
            lead_id=lead_id,
            name="decided",
            facts=facts(state, **more),
            facts_us=now_us,
        )
        moves = [
            WorkflowEvent(id=f"{name}-{lead_id}", lead_id=lead_id, name=name)
            for name in STATES[state]
        ]
        events += [*moves, said] if state == "engaged" else [said, *moves]
    for begin in range(0, len(events), 500):
        store.take(events[begin : begin + 500], now_us)
    found = {lead_id: store.get(lead_id).state for lead_id in leads}
    assert found == dict(leads)
    by_lead, told = profiles or {}, reasons or {}
    records = [_record(one, now_us, by_lead.get(one, {}), told.get(one, "")) for one in leads]
    decided(settings, records)


def _record(lead_id: str, at_us: int, profile: Mapping[str, Any], text: str) -> DecisionRecord:
    plain = record(lead_id, at_us, 0.25)
    reason = Reason(feature="recency_of_visits", value="v", contribution=0.1, text=text)
    return msgspec.structs.replace(
        plain,
        facts=msgspec.structs.replace(plain.facts, profile=dict(profile)),
        answer=msgspec.structs.replace(plain.answer, reasons=(reason,) if text else ()),
    )
