"""The ledger's table, and the triggers that refuse to change or remove what it holds."""

from sqlalchemy import DDL, BigInteger, Boolean, Column, Integer, MetaData, String, Table, Text
from sqlalchemy.event import listen

METADATA = MetaData()

LEDGER = Table(
    "promotion_ledger",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("from_stage", String(16)),
    Column("to_stage", String(16)),
    Column("made_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("gates", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Column("overruled", Boolean, nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
"""One row per change. `gates` and `detail` are JSON; the hash covers all but the last two."""

SQLITE_TRIGGERS = (
    """CREATE TRIGGER promotion_ledger_no_update BEFORE UPDATE ON promotion_ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER promotion_ledger_no_delete BEFORE DELETE ON promotion_ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    # INSERT OR REPLACE removes a row without firing the trigger above
    """CREATE TRIGGER promotion_ledger_no_replace BEFORE INSERT ON promotion_ledger
    WHEN NEW.sequence <= (SELECT coalesce(max(sequence), 0) FROM promotion_ledger)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
)

POSTGRESQL_TRIGGERS = (
    """CREATE FUNCTION promotion_ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$""",
    """CREATE TRIGGER promotion_ledger_no_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON promotion_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION promotion_ledger_append_only()""",
)

for _dialect, _triggers in (("sqlite", SQLITE_TRIGGERS), ("postgresql", POSTGRESQL_TRIGGERS)):
    for _trigger in _triggers:
        _ddl = DDL(_trigger)  # type: ignore[no-untyped-call]
        listen(LEDGER, "after_create", _ddl.execute_if(dialect=_dialect))
