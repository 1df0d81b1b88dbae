"""Leads in their workflow: events taken and timers fired, each batch in one transaction."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import msgspec
import sqlalchemy as sa

from domain.errors import BadInput, Missing
from storage.migrations import migrate
from storage.sql import among, insert_into, take_write_lock
from workflow.chart.lead_state import WorkflowEvent, WorkflowLead
from workflow.chart.statechart import Statechart
from workflow.effect import Effect
from workflow.metadata import METADATA
from workflow.owners.roster import NOBODY, Roster
from workflow.store import journal
from workflow.store.batch import Batch, Taken
from workflow.store.charts import ChartVersions
from workflow.store.journal import JournalRow, in_workflow
from workflow.store.tables import BEGINNING, CURSORS, GUARDS, LEADS, LOCK, TURNS

AT_ONCE = 500
"""So many leads one transaction moves at most."""
LARGEST_PAGE = 1_000
_decode = msgspec.msgpack.Decoder(WorkflowLead).decode


class EffectWriter(Protocol):
    """What lets effects wait, in the caller's transaction; an effect's key is taken once."""

    def __call__(self, connection: sa.Connection, effects: Sequence[Effect]) -> None:
        """Let effects wait for delivery."""
        ...


class Cursor(NamedTuple):
    """How far a source of events has been read."""

    source: str
    position: int


class LeadPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A lead in a list: the workflow's version by its fingerprint, the moment of its next timer."""

    lead_id: str
    account_id: str
    chart: str
    state: str
    owner: str
    due_us: int | None


class LeadStore:
    """The leads of one workflow database. Every method may raise Unavailable.

    Safe for many processes: SQLite has one writer at a time, which reads what it changes under the
    write lock; on PostgreSQL due rows are claimed with SKIP LOCKED, and the journal is appended to
    under an advisory lock. State, journal, effects and the next due moment commit together.
    """

    def __init__(
        self,
        engine: sa.Engine,
        charts: Statechart | ChartVersions,
        enqueue: EffectWriter,
        roster: Roster = NOBODY,
    ) -> None:
        """The tables must be there: `create_tables`. A lone chart is in force for everybody."""
        self._engine = engine
        self._enqueue = enqueue
        self._roster = roster
        self._kept = False
        self.charts = charts if isinstance(charts, ChartVersions) else ChartVersions(charts)

    def take(
        self, events: Sequence[WorkflowEvent], now_us: int, cursor: Cursor | None = None
    ) -> list[Taken]:
        """Take events in order, at most AT_ONCE, all or none; what became of each.

        An event that its lead took already is left out of the answer. A lead that is not known
        begins. With a cursor, the source is marked as read so far.
        """
        if len(events) > AT_ONCE:
            raise BadInput(f"{len(events)} events at once, may be {AT_ONCE}", rule="events-at-once")
        with self._writing(now_us) as connection:
            leads = self._locked(connection, {event.lead_id for event in events})
            batch = self._batch(connection, leads, now_us)
            known = journal.known_keys(
                connection, [journal.event_key(e.lead_id, e.id) for e in events]
            )
            results = batch.take(events, known)
            self._write(connection, batch)
            if cursor is not None:
                self._mark(connection, cursor)
        return results

    def fire_due(self, now_us: int, limit: int = AT_ONCE) -> int:
        """Fire the timers that are due, of so many leads at most; how many leads that were."""
        with self._writing(now_us) as connection:
            due = self._due(connection, now_us, min(limit, AT_ONCE))
            if due:
                batch = self._batch(connection, due, now_us)
                batch.fire()
                self._write(connection, batch)
        return len(due)

    def get(self, lead_id: str) -> WorkflowLead:
        """A lead. Raises Missing where the workflow does not know it."""
        query = sa.select(LEADS.c.body).where(LEADS.c.lead_id == lead_id)
        rows = self._read(query)
        if not rows:
            raise Missing(
                "the workflow has no lead of that id",
                rule="workflow-lead",
                todo="`leadscore workflow run` takes what was decided; a lead comes in with that.",
            )
        return _decode(rows[0].body)

    def history(self, lead_id: str, limit: int = 100) -> list[JournalRow]:
        """What a lead took, the newest first."""
        with in_workflow(), self._engine.connect() as connection:
            return journal.of_lead(connection, lead_id, min(limit, LARGEST_PAGE))

    def page(
        self, limit: int, *, state: str = "", owner: str = "", after: str = ""
    ) -> list[LeadPlace]:
        """Leads by their id, behind the one of `after`; those of a state, of an owner."""
        if not 1 <= limit <= LARGEST_PAGE:
            raise BadInput(f"limit is {limit}, must be 1 to {LARGEST_PAGE}", rule="page-limit")
        names = LeadPlace.__struct_fields__
        query = sa.select(*(LEADS.c[name] for name in names)).where(LEADS.c.lead_id > after)
        if state:
            query = query.where(LEADS.c.state == state)
        if owner:
            query = query.where(LEADS.c.owner == owner)
        rows = self._read(query.order_by(LEADS.c.lead_id).limit(limit))
        return [LeadPlace(**row._mapping) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many leads each state has."""
        count = sa.func.count().label("leads")
        rows = self._read(sa.select(LEADS.c.state, count).group_by(LEADS.c.state))
        return {str(row.state): int(row.leads) for row in rows}

    def loads(self) -> dict[str, int]:
        """How many leads each owner has."""
        rows = self._read(sa.select(TURNS.c.owner, TURNS.c.leads).where(TURNS.c.leads > 0))
        return {str(row.owner): int(row.leads) for row in rows}

    def overdue(self, now_us: int) -> int:
        """How many leads have a timer that should have fired."""
        query = sa.select(sa.func.count()).where(LEADS.c.due_us <= now_us)
        return int(self._read(query)[0][0])

    def next_due_us(self) -> int | None:
        """When the next timer of all leads is due."""
        due_us = self._read(sa.select(sa.func.min(LEADS.c.due_us)))[0][0]
        return None if due_us is None else int(due_us)

    def position(self, source: str) -> int:
        """How far a source of events has been read; 0 before the first time."""
        rows = self._read(sa.select(CURSORS.c.position).where(CURSORS.c.source == source))
        return int(rows[0][0]) if rows else 0

    def chart_of(self, lead: WorkflowLead) -> Statechart:
        """The version of the workflow that a lead follows."""
        with in_workflow(), self._engine.connect() as connection:
            return self.charts.get(connection, lead.chart)

    def _batch(
        self, connection: sa.Connection, leads: dict[str, WorkflowLead], now_us: int
    ) -> Batch:
        return Batch(connection, self.charts, self._roster, leads, now_us)

    def _write(self, connection: sa.Connection, batch: Batch) -> None:
        batch.write()
        if batch.effects:
            self._enqueue(connection, batch.effects)

    def _mark(self, connection: sa.Connection, cursor: Cursor) -> None:
        insert = insert_into(connection, CURSORS).values(cursor._asdict())
        new = {"position": insert.excluded.position}
        connection.execute(insert.on_conflict_do_update(index_elements=["source"], set_=new))

    def _locked(self, connection: sa.Connection, ids: Iterable[str]) -> dict[str, WorkflowLead]:
        """The leads of these ids that are known; nobody else changes them meanwhile."""
        wanted = sorted(ids)
        if connection.dialect.name != "sqlite":
            known = among(connection, sa.select(LEADS.c.lead_id), LEADS.c.lead_id, wanted)
            if sum(1 for _ in known) < len(wanted):
                take_write_lock(connection, BEGINNING)  # before rows, the journal's after them
        query = sa.select(LEADS.c.lead_id, LEADS.c.body).order_by(LEADS.c.lead_id)
        rows = among(connection, query.with_for_update(), LEADS.c.lead_id, wanted)
        return {row.lead_id: _decode(row.body) for row in rows}

    def _due(self, connection: sa.Connection, now_us: int, limit: int) -> dict[str, WorkflowLead]:
        query = (
            sa.select(LEADS.c.lead_id, LEADS.c.body)
            .where(LEADS.c.due_us <= now_us)
            .order_by(LEADS.c.due_us)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return {row.lead_id: _decode(row.body) for row in connection.execute(query)}

    def _read(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with in_workflow(), self._engine.connect() as connection:
            return connection.execute(query).all()

    @contextmanager
    def _writing(self, now_us: int) -> Iterator[sa.Connection]:
        with in_workflow(), self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                take_write_lock(connection, LOCK)
            if not self._kept:
                self.charts.keep(connection, now_us)
            yield connection
        self._kept = True


def create_tables(engine: sa.Engine) -> None:
    """Make the tables and guards where they are missing; harmless to repeat."""
    with in_workflow():
        migrate(engine, "workflow", METADATA)
        with engine.begin() as connection:
            for guard in GUARDS[engine.dialect.name]:
                connection.exec_driver_sql(guard)
