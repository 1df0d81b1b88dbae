"""The tables of leads in their workflow: where each stands, and the journal of what moved it."""

import sqlalchemy as sa

from storage.append_only import append_only
from workflow.metadata import METADATA

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_DUE = sa.text("due_us IS NOT NULL")
_OWNED = sa.text("owner <> ''")

LEADS = sa.Table(
    "workflow_leads",
    METADATA,
    sa.Column("lead_id", sa.String(64), primary_key=True),
    sa.Column("account_id", sa.String(64), nullable=False),
    sa.Column("chart", sa.String(32), nullable=False),
    sa.Column("state", sa.String(48), nullable=False),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("due_us", sa.BigInteger),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("workflow_leads_due", "due_us", sqlite_where=_DUE, postgresql_where=_DUE),
    sa.Index("workflow_leads_state", "state", "lead_id"),
    sa.Index(
        "workflow_leads_owner", "owner", "lead_id", sqlite_where=_OWNED, postgresql_where=_OWNED
    ),
)
"""One row a lead. `body` is the lead as `workflow.chart.lead_state.WorkflowLead`; the columns
beside it repeat what is looked for. `due_us` is the earliest of its timers, null for none."""

JOURNAL = sa.Table(
    "workflow_journal",
    METADATA,
    sa.Column("sequence", _NUMBER, primary_key=True, autoincrement=False),
    sa.Column("lead_id", sa.String(64), nullable=False),
    sa.Column("event_key", sa.LargeBinary(16), nullable=False, unique=True),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("workflow_journal_lead", "lead_id", "sequence"),
)
"""One row an event that a lead took, numbered from 1 without gaps, each hashed over the one before.
`event_key` is a digest of lead and event: an event is taken once."""

CHARTS = sa.Table(
    "workflow_charts",
    METADATA,
    sa.Column("fingerprint", sa.String(32), primary_key=True),
    sa.Column("label", sa.String(64), nullable=False),
    sa.Column("since_us", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
"""Every version of a workflow that leads began with, whole: a lead keeps the one it began with."""

CURSORS = sa.Table(
    "workflow_cursors",
    METADATA,
    sa.Column("source", sa.String(32), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
)
"""How far each source of events has been read; moved in the transaction that takes the events."""

TURNS = sa.Table(
    "workflow_turns",
    METADATA,
    sa.Column("owner", sa.String(128), primary_key=True),
    sa.Column("leads", sa.BigInteger, nullable=False),
    sa.Column("turn", sa.Double, nullable=False),
)
"""How many leads an owner has now, and how far its turns have come."""

GUARDS = append_only(
    "workflow_journal",
    "the journal of the workflow",
    "EXISTS (SELECT 1 FROM workflow_journal WHERE sequence = NEW.sequence "
    "OR event_key = NEW.event_key)",
)
LOCK = 0x1EAD_0F10
"""PostgreSQL's advisory lock that stands for the right to append to the journal."""
BEGINNING = LOCK + 1
"""The one that stands for the right to let leads begin; taken before any row is."""
