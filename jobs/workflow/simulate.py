"""A workflow rehearsed: drawn decisions and people who act or don't, in simulated time."""

import heapq
from collections import Counter
from collections.abc import Iterator
from random import Random

import msgspec

from domain.clock import DAY, SECOND
from domain.errors import BadInput
from workflow.chart.facts import LeadFacts
from workflow.chart.lead_state import WorkflowEvent, WorkflowLead
from workflow.chart.statechart import Statechart
from workflow.chart.step import begin, step
from workflow.owners.roster import OwnerSpec, PoolSpec, Roster
from workflow.owners.turns import Turns
from workflow.proof.cells import Unproven, axes

HOUR = 3_600 * SECOND
BEGIN_US = 1_767_571_200 * SECOND
"""Monday, 2026-01-05, midnight UTC."""
MOST_LEADS, MOST_DAYS, MOST_STEPS = 20_000, 1_830, 5_000_000
DECIDED_EVERY = 7 * DAY
ANSWER_HOURS = 12.0
"""After so long somebody does something, in the mean."""
OUTCOME = 0.05
"""So likely an outcome comes beside what a person may do."""


class SimulatedState(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a state: leads there at the end, times it was entered, hours in the mean."""

    state: str
    leads: int
    entered: int
    hours: float


class WorkflowSimulation(msgspec.Struct, frozen=True, kw_only=True):
    """What a rehearsal saw. `assigned` and `unassigned` count answers to questions for owners."""

    label: str
    leads: int
    days: int
    transitions: int
    states: tuple[SimulatedState, ...]
    effects: dict[str, int]
    fired: dict[str, int]
    assigned: int
    unassigned: int


def simulated_roster(owners: int, capacity: int) -> Roster:
    """So many owners who take turns at every queue."""
    names = tuple(f"owner_{n + 1}" for n in range(owners))
    return Roster(
        version=1,
        owners={name: OwnerSpec(capacity=capacity) for name in names},
        pools={"all": PoolSpec(owners=names)},
        otherwise="all",
    )


def simulate(
    chart: Statechart, roster: Roster, *, leads: int, days: int, seed: int, acting: float = 0.7
) -> WorkflowSimulation:
    """Let leads go through a workflow for so many days.

    Each gets a decision a week, of facts drawn among those that the guards tell apart. After a
    state is entered, something outside happens with chance `acting` after ANSWER_HOURS in the mean,
    each event that the state takes alike, but for outcomes, which are rarer by OUTCOME; else time
    decides. Raises BadInput.
    """
    if not (1 <= leads <= MOST_LEADS and 1 <= days <= MOST_DAYS and 0 <= acting <= 1):
        raise BadInput(
            f"leads are 1 to {MOST_LEADS:,}, days 1 to {MOST_DAYS:,}, acting 0 to 1",
            rule="workflow-simulation",
        )
    run = _Run(chart, roster, Random(seed), acting, BEGIN_US + days * DAY)  # noqa: S311
    run.begin(leads)
    run.go_on()
    return run.report(days)


class _Run:
    def __init__(
        self, chart: Statechart, roster: Roster, rng: Random, acting: float, end_us: int
    ) -> None:
        self._chart, self._rng, self._acting, self._end_us = chart, rng, acting, end_us
        self._turns = Turns(roster)
        self._leads: dict[str, WorkflowLead] = {}
        self._queue: list[tuple[int, int, str, str, int]] = []
        self._facts = list(_drawable(chart))
        self._entered: Counter[str] = Counter()
        self._hours: dict[str, float] = dict.fromkeys(chart.states, 0.0)
        self._effects: Counter[str] = Counter()
        self._fired: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._number = 0
        self._steps = 0

    def begin(self, leads: int) -> None:
        """Let leads begin, spread over the first week."""
        for number in range(leads):
            lead_id = f"lead_{number + 1}"
            at_us = BEGIN_US + self._rng.randrange(DECIDED_EVERY)
            self._leads[lead_id] = begin(self._chart, lead_id, f"account_{number + 1}", at_us)
            self._entered[self._chart.spec.initial] += 1
            self._put(at_us, lead_id, "")
            self._plan(self._leads[lead_id], at_us)

    def go_on(self) -> None:
        """Let happen what is due, in order, until the end."""
        while self._queue and self._queue[0][0] <= self._end_us:
            at_us, _, lead_id, name, since_us = heapq.heappop(self._queue)
            lead = self._leads[lead_id]
            left = bool(name) and lead.since_us != since_us  # it was meant for another state
            if left or self._chart.states[lead.state].final:
                continue
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise BadInput(
                    f"more than {MOST_STEPS:,} things happen: take fewer leads or days",
                    rule="workflow-simulation",
                )
            self._happen(lead, name, at_us)

    def _happen(self, lead: WorkflowLead, name: str, at_us: int) -> None:
        if name:
            self._apply(self._event(lead, name), at_us)
            return
        for decision in self._decisions():
            self._apply(self._event(self._leads[lead.lead_id], decision), at_us)
        self._put(at_us + DECIDED_EVERY, lead.lead_id, "")

    def _decisions(self) -> list[str]:
        return [n for n, e in self._chart.spec.events.items() if e.source == "decision"]

    def _event(self, lead: WorkflowLead, name: str) -> WorkflowEvent:
        self._number += 1
        declared = self._chart.spec.events.get(name)
        facts = None
        if declared is not None and declared.source == "decision":
            facts = self._rng.choice(self._facts)
        return WorkflowEvent(
            id=str(self._number),
            lead_id=lead.lead_id,
            name=name,
            facts=facts,
            facts_us=self._number,
        )

    def _apply(self, event: WorkflowEvent, at_us: int) -> None:
        while True:
            before = self._leads[event.lead_id]
            done = step(self._chart, before, event, at_us)
            lead = self._leads[event.lead_id] = done.lead
            if done.kind == "ignored":
                return
            if event.name in self._chart.states[before.state].timers:
                self._fired[event.name] += 1
            self._effects.update(f"{e.connector}.{e.action}" for e in done.effects)
            if done.kind == "moved":
                self._entered[lead.state] += 1
                self._hours[before.state] += (at_us - before.since_us) / HOUR
                self._plan(lead, at_us)
            elif lead.timers != before.timers:
                self._plan_timers(lead)
            self._turns.moved(self._owner(before), self._owner(lead))
            if not lead.asks:
                return
            event = self._turns.answer(lead, at_us)
            self._answers[event.name] += 1

    def _owner(self, lead: WorkflowLead) -> str:
        return "" if self._chart.states[lead.state].final else lead.owner

    def _plan(self, lead: WorkflowLead, at_us: int) -> None:
        """Put what will happen in a state that was just entered into the queue."""
        self._plan_timers(lead)
        events = self._chart.spec.events
        names = self._chart.events_of(lead.state)
        outside = [n for n in names if n in events and events[n].source != "decision"]
        weights = [OUTCOME if events[n].source == "outcome" else 1.0 for n in outside]
        if self._rng.random() < self._acting * min(sum(weights), 1.0):
            delay_us = round(self._rng.expovariate(1 / ANSWER_HOURS) * HOUR)
            self._put(at_us + delay_us, lead.lead_id, self._rng.choices(outside, weights)[0])

    def _plan_timers(self, lead: WorkflowLead) -> None:
        for timer in lead.timers:
            self._put(timer.due_us, lead.lead_id, timer.event)

    def _put(self, at_us: int, lead_id: str, name: str) -> None:
        self._number += 1
        since_us = self._leads[lead_id].since_us
        heapq.heappush(self._queue, (at_us, self._number, lead_id, name, since_us))

    def report(self, days: int) -> WorkflowSimulation:
        """What was seen."""
        at = Counter(lead.state for lead in self._leads.values())
        left = {s: self._entered[s] - at[s] for s in self._chart.states}
        return WorkflowSimulation(
            label=self._chart.label,
            leads=len(self._leads),
            days=days,
            transitions=sum(lead.revision for lead in self._leads.values()),
            states=tuple(
                SimulatedState(
                    state=state,
                    leads=at[state],
                    entered=self._entered[state],
                    hours=round(self._hours[state] / left[state], 1) if left[state] else 0.0,
                )
                for state in self._chart.states
            ),
            effects=dict(sorted(self._effects.items())),
            fired=dict(sorted(self._fired.items())),
            assigned=self._answers["assigned"],
            unassigned=self._answers["unassigned"],
        )


def _drawable(chart: Statechart) -> Iterator[LeadFacts]:
    """The facts that decisions are drawn from. Raises BadInput where guards cannot be analysed."""
    try:
        cells = list(axes(chart.guards()).cells())
    except Unproven as bad:
        raise BadInput(
            f"a guard cannot be analysed: {bad}",
            rule="workflow-simulation",
            todo="`leadscore workflow check` says which.",
        ) from None
    for cell in cells:
        values = {**cell}
        if "priority" in values:
            values["priority"] = int(values["priority"])
        yield msgspec.convert(values, LeadFacts)
