"""Leads in states, for whoever watches a workflow."""

from collections.abc import Collection, Iterator

import msgspec
import sqlalchemy as sa

from workflow.chart.lead_state import WorkflowLead
from workflow.store.journal import in_workflow
from workflow.store.tables import LEADS

CHUNK = 1_000
_decode = msgspec.msgpack.Decoder(WorkflowLead).decode


def in_states(engine: sa.Engine, states: Collection[str], limit: int) -> Iterator[WorkflowLead]:
    """Leads in the states, at most so many, those with the earliest timers first; by chunks.

    Raises Unavailable, at any step.
    """
    chosen = sa.select(LEADS.c.body).where(LEADS.c.state.in_(sorted(states)))
    query = chosen.order_by(sa.nulls_last(LEADS.c.due_us), LEADS.c.lead_id).limit(limit)
    with in_workflow(), engine.connect() as connection:
        for row in connection.execution_options(yield_per=CHUNK).execute(query):
            yield _decode(row.body)
