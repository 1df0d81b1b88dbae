"""The stores of a home of SQLite, moved to a PostgreSQL database."""

from pathlib import Path

import msgspec
import sqlalchemy as sa

from config.settings import Settings
from decisions.audit.tables import METADATA as TRAIL_TABLES
from registry.ledger_table import METADATA as LEDGER_TABLES
from signals.store.tables import metadata as log_tables
from storage.engine import open_engine

STORES = {"audit.db": TRAIL_TABLES, "ledger.db": LEDGER_TABLES, "signals.db": log_tables}
AT_A_TIME = 5_000


def copied(home: Path, url: str) -> None:
    """Copy all that the home's SQLite files hold to a database that is empty."""
    engine = open_engine(url)
    for file, tables in STORES.items():
        tables.create_all(engine)
        source = open_engine(f"sqlite:///{home / file}")
        for table in tables.sorted_tables:
            _copy(source, engine, table)
        source.dispose()
    engine.dispose()


def _copy(source: sa.Engine, target: sa.Engine, table: sa.Table) -> None:
    with source.connect() as reading, target.begin() as writing:
        for rows in reading.execute(sa.select(table)).mappings().partitions(AT_A_TIME):
            writing.execute(table.insert(), [dict(row) for row in rows])


def on_postgres(settings: Settings, url: str) -> Settings:
    """The settings of a home whose stores are there, and no longer in its files."""
    for file in STORES:
        for path in settings.home.glob(f"{file}*"):
            path.unlink()
    return msgspec.structs.replace(settings, audit_url=url, ledger_url=url, signals_url=url)
