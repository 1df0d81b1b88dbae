"""The signal plane's tables: event log, identity, feature state, quarantine, outbox.

One transaction commits an event, the identity change it caused, the state it changed and the
outbox row that announces it. Identifiers stand here as keys only; the log's bodies are the one
place that holds what producers sent.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects import postgresql, sqlite

metadata = MetaData()
_Serial = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "events",
    metadata,
    Column("sequence", _Serial, primary_key=True, autoincrement=True),
    Column("event_key", LargeBinary(16), nullable=False, unique=True),
    Column("type", String(128), nullable=False),
    Column("known_us", BigInteger, nullable=False),
    Column("identifier_keys", Text, nullable=False),
    Column("account", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("events_known", "known_us", "sequence"),
    Index("events_type", "type", "known_us"),
)

identifiers = Table(
    "identifiers",
    metadata,
    Column("key", String(33), primary_key=True),
    Column("lead_id", String(32), nullable=False),
    Index("identifiers_lead", "lead_id"),
)

leads = Table(
    "leads",
    metadata,
    Column("lead_id", String(32), primary_key=True),
    Column("merged_into", String(32), nullable=False, default=""),
    Column("account", String(32), nullable=False, default=""),
    Column("last_s", BigInteger, nullable=False, default=0),
    Column("known_us", BigInteger, nullable=False, default=0),
    Column("state", LargeBinary, nullable=False, default=b""),
    Column("texts", LargeBinary, nullable=False, default=b"[]"),
    Index("leads_account", "account", "last_s"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account", String(32), primary_key=True),
    Column("state", LargeBinary, nullable=False),
)

merges = Table(
    "merges",
    metadata,
    Column("sequence", _Serial, primary_key=True, autoincrement=True),
    Column("lead_id", String(32), nullable=False),
    Column("into_lead", String(32), nullable=False),
    Column("known_us", BigInteger, nullable=False),
    Column("event_key", LargeBinary(16), nullable=False),
    Column("reason", Text, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("received_us", BigInteger, nullable=False),
    Column("origin", Text, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("rule", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("quarantine_rule", "rule"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("entity", String(32), primary_key=True),
    Column("kind", String(8), nullable=False),
)
"""Leads and accounts whose stored state is newer than the online store's."""

totals = Table(
    "totals",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Received, accepted, duplicates, quarantined: since the log began."""


def create_tables(engine: Engine) -> None:
    """Create what is not there yet."""
    metadata.create_all(engine)


def writing(connection: Connection) -> None:
    """Take the write lock at once, so that what is read stays true until the commit."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7415001)")


def insert_into(connection: Connection, table: Table) -> Any:
    """The dialect's INSERT, which knows ON CONFLICT."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
