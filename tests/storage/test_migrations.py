"""Databases of former versions are brought to the present form, and scripts agree with tables."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from decisions.audit.assistant_journal import METADATA as ASSISTANTS
from decisions.audit.spool_table import METADATA as SPOOL
from decisions.audit.tables import METADATA as AUDIT
from decisions.overrides.journal import METADATA as OVERRIDES
from domain.errors import BadConfiguration
from jobs.operate.run_store import METADATA as OPERATE
from monitoring.alarms.tables import METADATA as ALERTS
from registry.ledger_table import METADATA as LEDGER
from registry.lineage.outbox import METADATA as LINEAGE
from serving.auth.api_key_store import KEYS
from signals.store import tables
from storage.engine import open_engine
from storage.migrations import FIRST, Store, migrate, newest, revision_of
from wiring.workflow import METADATA as WORKFLOW

SIGNALS = tables.metadata
STORES: dict[Store, sa.MetaData] = {
    "signals": SIGNALS,
    "audit": AUDIT,
    "ledger": LEDGER,
    "keys": KEYS.metadata,
    "spool": SPOOL,
    "lineage": LINEAGE,
    "operate": OPERATE,
    "alerts": ALERTS,
    "assistants": ASSISTANTS,
    "overrides": OVERRIDES,
    "workflow": WORKFLOW,
}


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'a.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    made = open_engine(url)
    yield made
    made.dispose()


def differences(engine: sa.Engine, store: Store) -> list[object]:
    """What the definitions have and the database has not, or the other way round."""
    unread = on_expressions(STORES[store])
    with engine.connect() as connection:
        options: dict[str, Any] = {
            "version_table": f"schema_{store}",
            "compare_type": True,
            "include_name": lambda name, kind, _: kind != "index" or name not in unread,
            "include_object": lambda _, name, kind, *__: kind != "index" or name not in unread,
        }
        context = MigrationContext.configure(connection, opts=options)
        absent = sorted(unread - index_names(connection))
        return [*absent, *compare_metadata(context, STORES[store])]


def on_expressions(metadata: sa.MetaData) -> set[str]:
    """Names of indexes on expressions, which cannot be read back as they were written."""
    indexes = (index for table in metadata.tables.values() for index in table.indexes)
    return {
        str(index.name)
        for index in indexes
        if any(isinstance(each, sa.TextClause) for each in index.expressions)
    }


def index_names(connection: sa.Connection) -> set[str]:
    """The names of all indexes that the database has."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'index'"
    else:
        query = "SELECT indexname FROM pg_indexes"
    return {str(name) for (name,) in connection.exec_driver_sql(query)}


LATER_INDEXES = (
    "ranking_by_grade",
    "ranking_by_queue",
    "ranking_by_eligible",
    "model_at",
    "grade_at",
)
"""Indexes of the audit trail that version 0.1.0 did not have."""


def as_first(engine: sa.Engine, store: Store) -> None:
    """A database as version 0.1.0 left it: without revisions, and without what came since."""
    STORES[store].create_all(engine)
    if store == "audit":
        with engine.begin() as connection:
            for name in LATER_INDEXES:
                connection.exec_driver_sql(f"DROP INDEX audit_{name}")
            connection.exec_driver_sql("ALTER TABLE audit_ranking DROP COLUMN eligible")
    if store == "signals":
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP INDEX leads_account_known")
            connection.exec_driver_sql("DROP INDEX quarantine_newest")
            connection.exec_driver_sql("DROP INDEX quarantine_newest_of_rule")
            connection.exec_driver_sql("CREATE INDEX quarantine_rule ON quarantine (rule)")
            connection.exec_driver_sql("INSERT INTO totals (name, value) VALUES ('accepted', 7)")


@pytest.mark.parametrize("store", STORES)
def test_a_new_database_is_of_the_newest_form(engine: sa.Engine, store: Store) -> None:
    migrate(engine, store, STORES[store])
    assert revision_of(engine, store) == newest(store)
    assert differences(engine, store) == []


@pytest.mark.parametrize("store", STORES)
def test_a_former_database_becomes_a_present_one(engine: sa.Engine, store: Store) -> None:
    as_first(engine, store)
    assert revision_of(engine, store) == ""
    migrate(engine, store, STORES[store])
    migrate(engine, store, STORES[store])  # harmless to repeat
    assert revision_of(engine, store) == newest(store)
    assert differences(engine, store) == []
    if store == "signals":
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT value FROM totals").scalar_one() == 7


def test_processes_that_open_at_once_take_turns(engine: sa.Engine) -> None:
    as_first(engine, "signals")
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: migrate(engine, "signals", SIGNALS), range(12)))
    assert revision_of(engine, "signals") == newest("signals")
    assert differences(engine, "signals") == []


def test_all_stores_live_in_one_database(engine: sa.Engine) -> None:
    for store, metadata in STORES.items():
        migrate(engine, store, metadata)
    assert {revision_of(engine, store) for store in STORES} >= {FIRST}


def test_a_database_of_a_newer_version_is_refused(engine: sa.Engine) -> None:
    migrate(engine, "ledger", LEDGER)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE schema_ledger SET version_num = '9999'")
    with pytest.raises(BadConfiguration, match="schema revision 9999"):
        migrate(engine, "ledger", LEDGER)
