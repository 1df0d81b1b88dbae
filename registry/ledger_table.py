"""The ledger's table, and the triggers that refuse to change or remove what it holds."""

from sqlalchemy import DDL, BigInteger, Boolean, Column, Integer, MetaData, String, Table, Text
from sqlalchemy.event import listen

from storage.append_only import append_only

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

_TAKEN = "NEW.sequence <= (SELECT coalesce(max(sequence), 0) FROM promotion_ledger)"

for _dialect, _guards in append_only(LEDGER.name, "the ledger", _TAKEN).items():
    for _guard in _guards:
        _ddl = DDL(_guard)  # type: ignore[no-untyped-call]
        listen(LEDGER, "after_create", _ddl.execute_if(dialect=_dialect))
