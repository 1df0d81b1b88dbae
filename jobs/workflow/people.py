"""What people do with leads: accept, reject, complete, and whatever else a workflow lets them."""

import secrets
from collections.abc import Callable
from functools import cached_property

from config.settings import Settings
from domain.clock import iso
from domain.errors import BadInput, Refused
from jobs.workflow.home import open_leads
from registry.cache import Stages, read_or_none
from wiring.clock import moment_of
from wiring.live_folders import folder_of
from workflow.actions import LeadAction, LeadStanding
from workflow.chart.lead_state import WorkflowEvent, WorkflowLead
from workflow.store.lead_store import LeadStore

LONGEST_NAME = 128


class HomeWorkflow:
    """The workflow of a home, as people see it. Safe to use from many threads; calls may block."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened: tuple[Stages | None, LeadStore] | None = None

    def standing(self, lead_id: str) -> LeadStanding:
        """Where a lead stands. Raises Missing, Unavailable."""
        return standing(self._store, self._store.get(lead_id))

    def act(self, action: LeadAction, by: str) -> LeadStanding:
        """Do something with a lead, as the holder of a credential. Raises as `act` does."""
        return act(self._store, action, self._now_us(), by=by, credential=by)

    @cached_property
    def _now_us(self) -> Callable[[], int]:
        return moment_of(self._settings)

    @property
    def _store(self) -> LeadStore:
        """The leads, by the versions that stand now: the ledger is asked once for each change."""
        cached = read_or_none(folder_of(self._settings, "workflow"))
        if self._opened is None or self._opened[0] != cached:
            self._opened = cached, open_leads(self._settings)
        return self._opened[1]


def standing(store: LeadStore, lead: WorkflowLead) -> LeadStanding:
    """Where a lead stands. Raises Unavailable."""
    chart = store.chart_of(lead)
    events = chart.spec.events
    names = chart.events_of(lead.state)
    return LeadStanding(
        lead_id=lead.lead_id,
        account_id=lead.account_id,
        version=chart.label,
        state=lead.state,
        since=iso(lead.since_us),
        owner=lead.owner,
        attempts=lead.attempts,
        due={timer.event: iso(timer.due_us) for timer in lead.timers},
        actions=tuple(n for n in names if n in events and events[n].source == "person"),
    )


def act(
    store: LeadStore, action: LeadAction, now_us: int, *, by: str, credential: str
) -> LeadStanding:
    """Do something with a lead; with the same `request_id` it is done once, and answered alike.

    `by` is the name of who acts, `credential` what that person is known by.
    Raises Missing for a lead that the workflow does not know; BadInput for what is no action of a
    person; Refused where the lead's state does not take it.
    """
    if not 0 < len(by) <= LONGEST_NAME:
        raise BadInput(f"who acts has 1 to {LONGEST_NAME} characters", rule="action-by")
    before = standing(store, store.get(action.lead_id))
    declared = store.charts.current.spec.events.get(action.action)
    if action.action not in before.actions and (declared is None or declared.source != "person"):
        raise BadInput(
            "the workflow has no such action of people",
            rule="workflow-action",
            todo=f"The lead takes {', '.join(before.actions) or 'none'}.",
        )
    event = WorkflowEvent(
        id=f"person:{action.request_id or secrets.token_hex(16)}:{action.action}",
        lead_id=action.lead_id,
        name=action.action,
        by=by,
        credential=credential,
        reason=action.reason,
    )
    results = store.take([event], now_us)
    if results and results[0].kind == "ignored":
        raise Refused(
            f"a lead in {before.state} does not take {action.action}",
            rule="workflow-state",
            todo=f"It takes {', '.join(before.actions) or 'no action of people'}.",
        )
    return standing(store, store.get(action.lead_id))
