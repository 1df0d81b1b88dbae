"""The signal plane's tables: event log, identity, feature state, quarantine, outbox.

One transaction commits an event, the identity change it caused, the state it changed and the
outbox row that announces it. Identifiers stand here as keys only; the log's bodies are the one
place that holds what producers sent.

Statements are written once, for SQLite and PostgreSQL.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    select,
    text,
)

from storage.migrations import migrate
from storage.sql import take_write_lock

metadata = MetaData()
_LOCK = 7_415_001
"""PostgreSQL's advisory lock that stands for the right to write to the log."""
_Serial = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "events",
    metadata,
    Column("sequence", _Serial, primary_key=True, autoincrement=False),
    Column("event_key", String(16), nullable=False),
    Column("type", String(128), nullable=False),
    Column("known_us", BigInteger, nullable=False),
    Column("identifier_keys", Text, nullable=False),
    Column("account", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("events_known", "known_us", "sequence"),
)

"""The log. Each event stands once in it: `signals.store.event_index` sees to that."""


def _key_index(name: str) -> Table:
    """Which events the log holds, by key."""
    return Table(
        name,
        metadata,
        Column("event_key", String(16), primary_key=True),
        Column("sequence", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _home_index(name: str) -> Table:
    """Which events belong to the lead of a key, by a hash of it."""
    return Table(
        name,
        metadata,
        Column("home", BigInteger, primary_key=True, autoincrement=False),
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )


event_keys, event_keys_lately = _key_index("event_keys"), _key_index("event_keys_lately")
event_homes, event_homes_lately = _home_index("event_homes"), _home_index("event_homes_lately")

identifiers = Table(
    "identifiers",
    metadata,
    Column("key", String(33), primary_key=True),
    Column("lead_id", String(32), nullable=False),
    Column("rule", String(32), nullable=False, default=""),
    Index("identifiers_lead", "lead_id"),
    sqlite_with_rowid=False,
)
"""Which lead an identifier is of; `rule` says why it joins nothing, "" where it may."""

links = Table(
    "links",
    metadata,
    Column("key", String(33), primary_key=True),
    Column("other", String(33), primary_key=True),
    Column("event_key", String(16), nullable=False),
    sqlite_with_rowid=False,
)
"""Identifiers that came on one event, and the first event that told so; both ways."""

separations = Table(
    "separations",
    metadata,
    Column("separation", BigInteger, primary_key=True),
    Column("key", String(33), primary_key=True),
    Column("side", Integer, nullable=False),
    Column("decided_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
)
"""What a person decided: keys of different sides of one separation never share a lead."""

leads = Table(
    "leads",
    metadata,
    Column("lead_id", String(32), primary_key=True),
    Column("account", String(32), nullable=False, default=""),
    Column("last_s", BigInteger, nullable=False, default=0),
    Column("known_us", BigInteger, nullable=False, default=0),
    Column("state", LargeBinary, nullable=False, default=b""),
    Column("texts", LargeBinary, nullable=False, default=b"[]"),
    Index("leads_account", "account", "last_s"),
    Index("leads_account_known", "account", "known_us"),
)
"""The leads of now. An id that ended is found by the identifier that named it."""

accounts = Table(
    "accounts",
    metadata,
    Column("account", String(32), primary_key=True),
    Column("state", LargeBinary, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("sequence", _Serial, primary_key=True, autoincrement=True),
    Column("lead_id", String(32), nullable=False),
    Column("into_lead", String(32), nullable=False),
    Column("known_us", BigInteger, nullable=False),
    Column("event_key", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Index("changes_into", "into_lead"),
    Index("changes_lead", "lead_id"),
)
"""Merges and splits of leads: what became of which, and why."""

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
    Index("quarantine_newest", text("received_us DESC"), "origin", "line"),
    Index("quarantine_newest_of_rule", "rule", text("received_us DESC"), "origin", "line"),
)

quarantine_keys = Table(
    "quarantine_keys",
    metadata,
    Column("key", String(16), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("of_row", Boolean, nullable=False),
    Index("quarantine_keys_id", "id"),
    Index("quarantine_keys_of_row", "of_row"),
    sqlite_with_rowid=False,
)
"""By which events a quarantined document has come in, see `signals.store.event_keys`: by the event
of that key, or, where `of_row`, by any event that a mapping makes of that row."""

outbox = Table(
    "outbox",
    metadata,
    Column("entity", String(32), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("version", BigInteger, nullable=False),
)
"""Leads and accounts whose stored state is newer than what is online, and since which commit."""

totals = Table(
    "totals",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Received, accepted, duplicates, quarantined since the log began; and the number of commits, so
that a writer knows whether what it remembers still holds."""


GENERATION = "generation"
"""The name, among the totals, of the number of commits."""

IDENTITY = "identity_rules"
"""The name, among the totals, of the digest of the rules that identities were made by."""


def create_tables(engine: Engine) -> None:
    """Create what is not there yet, or bring a former home's tables to their present form."""
    migrate(engine, "signals", metadata)


def writing(connection: Connection) -> None:
    """Take the write lock at once, so that what is read stays true until the commit."""
    take_write_lock(connection, _LOCK)


def generation(connection: Connection) -> int:
    """How many commits there were; what a writing transaction writes belongs to the next."""
    return counter(connection, GENERATION)


def counter(connection: Connection, name: str) -> int:
    """One of the totals; 0 where it was never written."""
    query = select(totals.c["value"]).where(totals.c.name == name)
    return int(connection.execute(query).scalar_one_or_none() or 0)
