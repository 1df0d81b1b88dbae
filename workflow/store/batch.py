"""A batch of leads that are moved in one transaction."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from storage.sql import insert_into, take_write_lock, write
from workflow.chart.lead_state import StepKind, WorkflowEvent, WorkflowLead
from workflow.chart.statechart import Statechart
from workflow.chart.step import step
from workflow.effect import Effect
from workflow.owners.roster import Roster
from workflow.owners.turns import Turn, Turns
from workflow.store import journal
from workflow.store.charts import ChartVersions
from workflow.store.journal import JournalRow
from workflow.store.tables import LEADS, LOCK, TURNS

MOST_TIMERS = 16
"""So many timers of one lead one batch fires at most; the next batch goes on."""
_COLUMNS = ("lead_id", "account_id", "chart", "state", "owner", "due_us", "body")
_encode = msgspec.msgpack.Encoder().encode


class Taken(NamedTuple):
    """What became of an event: the lead after it, and whether a transition took it."""

    event: WorkflowEvent
    lead: WorkflowLead
    kind: StepKind


class Batch:
    """Leads that nobody else changes now; what they take is gathered, then written at once."""

    def __init__(
        self,
        connection: sa.Connection,
        charts: ChartVersions,
        roster: Roster,
        leads: dict[str, WorkflowLead],
        now_us: int,
    ) -> None:
        self._connection = connection
        self._charts = charts
        self._roster = roster
        self._now_us = now_us
        self._leads = leads
        self._owned = {lead_id: self._owner(lead) for lead_id, lead in leads.items()}
        self._changed: dict[str, WorkflowLead] = {}
        self._unsettled: set[str] = set()
        self._journal: list[JournalRow] = []
        self._turns: Turns | None = None
        self.effects: list[Effect] = []

    def take(self, events: Sequence[WorkflowEvent], known: set[bytes]) -> list[Taken]:
        """Take events in order, but for those whose keys are known, and later copies of one."""
        results: list[Taken] = []
        for event in events:
            key = journal.event_key(event.lead_id, event.id)
            if key in known:
                continue
            known.add(key)
            kind = self._apply(event)
            results.append(Taken(event, self._leads[event.lead_id], kind))
        return results

    def fire(self) -> None:
        """Fire the timers that are due."""
        for lead_id in list(self._leads):
            for _ in range(MOST_TIMERS):
                timer = next(self._due(self._leads[lead_id]), None)
                if timer is None:
                    break
                self._apply(timer)

    def write(self) -> None:
        """Write what changed: leads, journal, turns."""
        if not self._changed:
            return
        rows = [_row(lead) for lead in self._changed.values()]
        write(self._connection, LEADS, _COLUMNS, rows, conflict="replace")
        turns = self._moved_turns()
        take_lock(self._connection)
        journal.append(self._connection, self._journal)
        if turns is not None:
            self._write_turns(turns)

    def _due(self, lead: WorkflowLead) -> Iterator[WorkflowEvent]:
        """The timers of a lead that are due, the earliest first."""
        for timer in sorted(lead.timers, key=lambda timer: (timer.due_us, timer.event)):
            if timer.due_us <= self._now_us:
                key = f"timer:{timer.event}:{timer.due_us}:{lead.revision}"
                yield WorkflowEvent(id=key, lead_id=lead.lead_id, name=timer.event)

    def _apply(self, event: WorkflowEvent) -> StepKind:
        lead = self._leads.get(event.lead_id)
        if lead is None:
            lead = self._charts.begin(event.lead_id, event.account_id, self._now_us)
            self._owned[event.lead_id] = ""
            self._leads[event.lead_id] = lead
        chart, lead = self._charts.brought(self._connection, lead, self._now_us)
        kind = self._step(chart, lead, event)
        while (lead := self._leads[event.lead_id]).asks:
            self._step(chart, lead, self._answer(lead))
        return kind

    def _step(self, chart: Statechart, lead: WorkflowLead, event: WorkflowEvent) -> StepKind:
        done = step(chart, lead, event, self._now_us)
        self._leads[lead.lead_id] = done.lead
        if done.kind == "ignored":
            return done.kind
        self._changed[lead.lead_id] = done.lead
        self._unsettled.add(lead.lead_id)
        self.effects += done.effects
        self._journal.append(
            JournalRow(
                sequence=0,
                at_us=self._now_us,
                lead_id=lead.lead_id,
                event=event,
                kind=done.kind,
                chart=chart.fingerprint,
                transition=done.transition,
                from_state=lead.state,
                to_state=done.lead.state,
                revision=done.lead.revision,
                owner=done.lead.owner,
                due_us=done.due_us,
                effects=tuple(effect.key for effect in done.effects),
                assigned=None if lead.revision else self._charts.assignment(lead),
            )
        )
        return done.kind

    def _answer(self, lead: WorkflowLead) -> WorkflowEvent:
        """Who gets a lead; what owners have already is counted with what this batch moved."""
        turns = self._moved_turns() or self._open_turns()
        return turns.answer(lead, self._now_us)

    def _open_turns(self) -> Turns:
        if self._turns is None:
            take_lock(self._connection)  # what owners have stays true until the commit
            rows = self._connection.execute(sa.select(TURNS)).all()
            turns = {str(row.owner): Turn(int(row.leads), float(row.turn)) for row in rows}
            self._turns = Turns(self._roster, turns)
        return self._turns

    def _moved_turns(self) -> Turns | None:
        """The turns, with the owners that leads have by now; None where none changed hands."""
        while self._unsettled:
            lead_id = self._unsettled.pop()
            before, after = self._owned[lead_id], self._owner(self._leads[lead_id])
            if before != after:
                self._open_turns().moved(before, after)
                self._owned[lead_id] = after
        return self._turns

    def _owner(self, lead: WorkflowLead) -> str:
        """Whose capacity a lead takes: nobody's, where its workflow is over."""
        if (
            not lead.owner
            or self._charts.get(self._connection, lead.chart).states[lead.state].final
        ):
            return ""
        return lead.owner

    def _write_turns(self, turns: Turns) -> None:
        if not turns.changed:
            return
        rows = [
            {"owner": name, "leads": turns.by_owner[name].leads, "turn": turns.by_owner[name].turn}
            for name in sorted(turns.changed)
        ]
        insert = insert_into(self._connection, TURNS)
        new = {name: insert.excluded[name] for name in ("leads", "turn")}
        self._connection.execute(
            insert.on_conflict_do_update(index_elements=["owner"], set_=new), rows
        )


def take_lock(connection: sa.Connection) -> None:
    """Take the right to append to the journal; SQLite's writer has it already."""
    if connection.dialect.name != "sqlite":
        take_write_lock(connection, LOCK)


def _row(lead: WorkflowLead) -> tuple[Any, ...]:
    columns = (lead.lead_id, lead.account_id, lead.chart, lead.state, lead.owner, lead.due_us)
    return (*columns, _encode(lead))
