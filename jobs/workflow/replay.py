"""The journal replayed: the same events must lead every lead where it stands."""

from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from config.settings import Settings
from jobs.workflow.files import load_chart
from wiring.workflow import open_workflow
from workflow.chart.lead_state import WorkflowLead
from workflow.chart.statechart import Statechart
from workflow.chart.step import begin, migrated, step
from workflow.store.charts import ChartVersions
from workflow.store.journal import JournalRow, in_workflow, verify
from workflow.store.tables import JOURNAL, LEADS

PAGE = 200
MOST_FAULTS = 20


class ReplayFault(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the journal that does not follow from those before it."""

    sequence: int
    lead_id: str
    what: str


def replay(
    connection: sa.Connection, charts: ChartVersions, rows: list[JournalRow]
) -> tuple[WorkflowLead | None, ReplayFault | None]:
    """A lead as its entries, oldest first, lead to, and the first that contradicts them."""
    lead: WorkflowLead | None = None
    for row in rows:
        chart = charts.get(connection, row.chart)
        if lead is None:
            lead = begin(chart, row.lead_id, row.event.account_id, row.at_us)
        elif lead.chart != row.chart:
            former = charts.get(connection, lead.chart)
            lead = migrated(chart, former, lead, row.at_us)
        done = step(chart, lead, row.event, row.at_us)
        lead = done.lead
        recorded = (row.to_state, row.owner, row.due_us, row.revision, row.transition)
        replayed = (lead.state, lead.owner, done.due_us, lead.revision, done.transition)
        if recorded != replayed or row.effects != tuple(effect.key for effect in done.effects):
            what = f"recorded in {row.to_state}, replayed to {lead.state}"
            return lead, ReplayFault(sequence=row.sequence, lead_id=row.lead_id, what=what)
    return lead, None


class WorkflowVerification(msgspec.Struct, frozen=True, kw_only=True):
    """What a reading of the whole journal found; `faults` are sentences, at most MOST_FAULTS."""

    entries: int
    leads: int
    faults: tuple[str, ...]


def verify_leads(settings: Settings) -> WorkflowVerification:
    """Verify a home's journal and leads. Raises Unavailable."""
    engine = open_workflow(settings)
    return verify_engine(engine, load_chart(settings))


def verify_engine(engine: sa.Engine, chart: Statechart) -> WorkflowVerification:
    """The chain, then every lead's entries replayed, then what its row says. Raises Unavailable.

    Memory is bounded: leads are read a page at a time.
    """
    chained = verify(engine)
    faults = [chained.fault] if chained.fault else []
    charts, after, count = ChartVersions(chart), "", 0
    while True:
        with in_workflow(), engine.connect() as connection:
            query = sa.select(LEADS).where(LEADS.c.lead_id > after).order_by(LEADS.c.lead_id)
            page = connection.execute(query.limit(PAGE)).all()
            if not page or len(faults) >= MOST_FAULTS:
                break
            entries = _entries(connection, [row.lead_id for row in page])
            for row in page:
                faults += _faults(connection, charts, row, entries.get(row.lead_id, []))
        count += len(page)
        after = page[-1].lead_id
    return WorkflowVerification(
        entries=chained.count, leads=count, faults=tuple(faults[:MOST_FAULTS])
    )


def _entries(connection: sa.Connection, ids: list[str]) -> dict[str, list[JournalRow]]:
    query = sa.select(JOURNAL.c.body).where(JOURNAL.c.lead_id.in_(ids)).order_by(JOURNAL.c.sequence)
    entries: dict[str, list[JournalRow]] = {}
    for body in connection.execute(query).scalars():
        row = msgspec.json.decode(body, type=JournalRow)
        entries.setdefault(row.lead_id, []).append(row)
    return entries


def _faults(
    connection: sa.Connection, charts: ChartVersions, row: sa.Row[Any], entries: list[JournalRow]
) -> Iterator[str]:
    stored = msgspec.msgpack.decode(row.body, type=WorkflowLead)
    columns = (row.account_id, row.chart, row.state, row.owner, row.due_us)
    expected = (stored.account_id, stored.chart, stored.state, stored.owner, stored.due_us)
    if columns != expected:
        yield f"the row of {row.lead_id} says something else than its body"
    lead, fault = replay(connection, charts, entries)
    if fault is not None:
        yield f"entry {fault.sequence} of {fault.lead_id}: {fault.what}"
    elif lead != stored:
        yield f"{row.lead_id} stands where its entries do not lead"
