"""The workflow: queues, owners, service levels at risk; one lead, and what people do with it."""

import secrets
from typing import Any

from console.frame.page import GoTo, Visit, shown, written
from jobs.workflow.home import home_now_us
from jobs.workflow.overview import WITHIN_H, opened_workflow, workflow_overview
from jobs.workflow.people import act, standing
from workflow.actions import LeadAction

SHOWN = 50
MOST_EVENTS = 100
WORK = "work"
"""The scope of whoever works leads."""


def workflow(visit: Visit) -> dict[str, Any]:
    """The workflow at a glance, and its leads, of a state or of an owner where that is asked."""
    within = visit.query.number("within", 0, 24 * 365, WITHIN_H)
    overview = workflow_overview(visit.home.settings, within_h=within)
    filters = {name: visit.query.text(name) for name in ("state", "owner")}
    after = visit.query.text("after")
    store = opened_workflow(visit.home.settings)
    rows = store.page(SHOWN + 1, **filters, after=after)
    return {
        "overview": overview,
        "filters": {**filters, "within": visit.query.text("within")},
        "rows": rows[:SHOWN],
        "cursor": rows[SHOWN - 1].lead_id if len(rows) > SHOWN else None,
        "later": bool(after),
    }


def lead_in_workflow(visit: Visit) -> dict[str, Any]:
    """Where a lead stands, what moved it, and what people may do with it. Raises Missing."""
    store = opened_workflow(visit.home.settings)
    lead = store.get(visit.path["lead"])
    return {
        "standing": standing(store, lead),
        "facts": lead.facts,
        "history": store.history(lead.lead_id, MOST_EVENTS),
        "states": store.chart_of(lead).spec.states,
        "events": store.chart_of(lead).spec.events,
        "request_id": secrets.token_hex(8),
    }


def act_on_lead(visit: Visit) -> GoTo:
    """Accept, reject, complete, or what else the lead's state takes; once for each form sent."""
    store = opened_workflow(visit.home.settings)
    action = LeadAction(
        lead_id=visit.path["lead"],
        action=visit.form.needed("action"),
        reason=visit.reason,
        request_id=visit.form.text("request_id", longest=64),
    )
    who, now_us = visit.visitor, home_now_us(visit.home.settings)
    act(store, action, now_us, by=who.by, credential=who.credential)
    return GoTo(f"/workflow/{action.lead_id}", done="acted")


PAGES = (
    shown("/workflow", workflow, "workflow.html", "Workflow", WORK),
    shown("/workflow/{lead}", lead_in_workflow, "workflow_lead.html", "Workflow", WORK),
    written("/workflow/{lead}/act", act_on_lead, "Workflow", WORK),
)
