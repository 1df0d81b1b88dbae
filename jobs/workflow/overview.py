"""A workflow at a glance: states, queues, owners' load, service levels at risk."""

from collections import Counter
from heapq import nsmallest

import msgspec

from config.settings import Settings
from domain.clock import SECOND, iso
from domain.errors import Missing
from jobs.workflow.files import load_roster
from jobs.workflow.home import home_now_us, open_leads
from wiring.workflow import has_workflow, open_workflow
from workflow.chart.lead_state import Timer, WorkflowLead
from workflow.chart.spec import WorkflowSpec
from workflow.owners.roster import Roster
from workflow.store.lead_store import LeadStore
from workflow.store.watching import in_states

WITHIN_H = 8.0
"""A service level that falls due within so many hours is at risk."""
MOST_AT_RISK = 100
COUNTED = 20_000
"""So many leads in work are counted by queue at most."""


class OwnerLoad(msgspec.Struct, frozen=True, kw_only=True):
    """How many leads an owner has; `capacity` is None for one that no file of owners names."""

    owner: str
    leads: int
    capacity: int | None
    pools: tuple[str, ...]


class QueueLoad(msgspec.Struct, frozen=True, kw_only=True):
    """Leads in work that were decided for a queue; `unowned` of them wait for an owner."""

    queue: str
    pool: str
    leads: int
    unowned: int


class LeadAtRisk(msgspec.Struct, frozen=True, kw_only=True):
    """A lead in work with a timer that is due soon, or was: the event that it raises, and when.

    Timers that only try something again do not count.
    """

    lead_id: str
    account_id: str
    state: str
    owner: str
    queue: str
    grade: str
    event: str
    due: str
    overdue: bool


class WorkflowOverview(msgspec.Struct, frozen=True, kw_only=True):
    """The workflow of a home at a moment.

    `states` counts leads by state, `overdue` those with a timer that should have fired. In work is
    a lead in a state that has an owner or asks for one; `counted` of them are looked at, those
    with the earliest timers, which is not `all_counted` beyond COUNTED.
    """

    version: str
    as_of: str
    states: dict[str, int]
    overdue: int
    owners: tuple[OwnerLoad, ...]
    queues: tuple[QueueLoad, ...]
    counted: int
    all_counted: bool
    within_hours: float
    at_risk_total: int
    at_risk: tuple[LeadAtRisk, ...]


def workflow_overview(
    settings: Settings, *, within_h: float = WITHIN_H, most: int = MOST_AT_RISK
) -> WorkflowOverview:
    """The workflow at a glance. Raises Missing before it has begun, Unavailable."""
    store, engine = opened_workflow(settings), open_workflow(settings)
    now_us, spec, roster = home_now_us(settings), store.charts.current.spec, load_roster(settings)
    until_us = now_us + int(within_h * 3_600 * SECOND)
    work = _Work(spec, roster, until_us)
    for lead in in_states(engine, states_in_work(spec), COUNTED):
        work.add(lead)
    return WorkflowOverview(
        version=store.charts.current.label,
        as_of=iso(now_us),
        states=_in_order(spec, store.counts()),
        overdue=store.overdue(now_us),
        owners=_owners(roster, store.loads()),
        queues=work.queues,
        counted=work.counted,
        all_counted=work.counted < COUNTED,
        within_hours=within_h,
        at_risk_total=len(work.at_risk),
        at_risk=tuple(_at_risk(*one, now_us) for one in nsmallest(most, work.at_risk, key=_due)),
    )


def opened_workflow(settings: Settings) -> LeadStore:
    """The leads of a home that has a workflow already. Raises Missing, Unavailable."""
    if not has_workflow(settings):
        raise Missing(
            "no lead is in a workflow yet",
            rule="workflow-begun",
            todo="`leadscore workflow run` takes what was decided, and so does the operating loop.",
        )
    return open_leads(settings)


def states_in_work(spec: WorkflowSpec) -> frozenset[str]:
    """The states in which somebody has the lead, or somebody is looked for."""
    return frozenset(name for name, one in spec.states.items() if one.owned or one.assign)


def _in_order(spec: WorkflowSpec, counts: dict[str, int]) -> dict[str, int]:
    """Counts in the order of the file, then those of states of former versions."""
    names = [*spec.states, *sorted(counts.keys() - spec.states.keys())]
    return {name: counts.get(name, 0) for name in names}


def _owners(roster: Roster, loads: dict[str, int]) -> tuple[OwnerLoad, ...]:
    names = sorted(
        roster.owners.keys() | loads.keys(), key=lambda name: (-loads.get(name, 0), name)
    )
    return tuple(
        OwnerLoad(
            owner=name,
            leads=loads.get(name, 0),
            capacity=roster.owners[name].capacity if name in roster.owners else None,
            pools=tuple(pool for pool, spec in roster.pools.items() if name in spec.owners),
        )
        for name in names
    )


class _Work:
    """Leads in work, counted by queue; those with a service level that falls due."""

    def __init__(self, spec: WorkflowSpec, roster: Roster, until_us: int) -> None:
        self._spec, self._roster, self._until_us = spec, roster, until_us
        self._leads, self._unowned = Counter[str](), Counter[str]()
        self.at_risk: list[tuple[WorkflowLead, Timer]] = []

    def add(self, lead: WorkflowLead) -> None:
        """Count a lead."""
        self._leads[lead.facts.queue] += 1
        self._unowned[lead.facts.queue] += not lead.owner
        due = [t for t in lead.timers if t.due_us <= self._until_us and not self._repeats(lead, t)]
        if due:
            self.at_risk.append((lead, min(due, key=lambda timer: timer.due_us)))

    def _repeats(self, lead: WorkflowLead, timer: Timer) -> bool:
        """Whether the timer only tries something again, as the search for an owner."""
        state = self._spec.states.get(lead.state)
        spec = None if state is None else state.timers.get(timer.event)
        return spec is not None and spec.repeat > 0

    @property
    def counted(self) -> int:
        """How many leads there were."""
        return self._leads.total()

    @property
    def queues(self) -> tuple[QueueLoad, ...]:
        """The queues, the fullest first."""
        return tuple(
            QueueLoad(
                queue=queue,
                pool=self._roster.pool(queue),
                leads=leads,
                unowned=self._unowned[queue],
            )
            for queue, leads in self._leads.most_common()
        )


def _due(one: tuple[WorkflowLead, Timer]) -> tuple[int, str]:
    lead, timer = one
    return timer.due_us, lead.lead_id


def _at_risk(lead: WorkflowLead, timer: Timer, now_us: int) -> LeadAtRisk:
    return LeadAtRisk(
        lead_id=lead.lead_id,
        account_id=lead.account_id,
        state=lead.state,
        owner=lead.owner,
        queue=lead.facts.queue,
        grade=lead.facts.grade,
        event=timer.event,
        due=iso(timer.due_us),
        overdue=timer.due_us <= now_us,
    )
