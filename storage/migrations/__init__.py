"""Schemas of our databases over versions: each opening brings a database to the newest form.

A store has a folder here with its revisions, Alembic scripts named after their number, and in its
database a table `schema_STORE` that says which one it has. A new database is made at the newest
form at once. One from before there were revisions is taken to be of the first.

To change a table: change its definition, add a script under the next number, and run
tests/storage/test_migrations.py, which compares what scripts lead to with the definitions. A script
that creates a table says `if_not_exists=True`, for homes of before.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from domain.errors import BadConfiguration

Store = Literal[
    "signals",
    "audit",
    "ledger",
    "keys",
    "spool",
    "lineage",
    "operate",
    "alerts",
    "assistants",
    "overrides",
    "workflow",
]
FIRST = "0001"
_SCRIPTS = Path(__file__).parent
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.py")
_TURN = 7_415_002
"""The advisory lock under which PostgreSQL's databases are migrated."""


def newest(store: Store) -> str:
    """The number of a store's newest revision."""
    return max(match[1] for p in (_SCRIPTS / store).iterdir() if (match := _NAME.fullmatch(p.name)))


def revision_of(engine: sa.Engine, store: Store) -> str:
    """The revision of a database, "" where it says none."""
    with engine.connect() as connection:
        return _revision(connection, store)


def migrate(engine: sa.Engine, store: Store, metadata: sa.MetaData) -> None:
    """Bring a database to the newest form, or make its tables; processes take turns.

    Raises BadConfiguration where a newer version of the product has changed it.
    """
    known = newest(store)
    with engine.connect() as connection:
        if _revision(connection, store) == known and not _missing(connection, metadata):
            return
    with _turn(engine) as connection:
        revision = _revision(connection, store)
        if revision > known:
            raise BadConfiguration(
                f"the database of {store} has schema revision {revision}, "
                f"this version knows up to {known}",
                rule="schema-known",
                where=store,
                todo="Use the version of the product that changed it, or a newer one.",
            )
        if revision != known or _missing(connection, metadata):
            _bring(connection, store, metadata, revision)


def _missing(connection: sa.Connection, metadata: sa.MetaData) -> bool:
    """Whether a table is not there: the database is new, or somebody removed it."""
    return not metadata.tables.keys() <= set(sa.inspect(connection).get_table_names())


def _revision(connection: sa.Connection, store: Store) -> str:
    table = sa.table(f"schema_{store}", sa.column("version_num"))
    if not sa.inspect(connection).has_table(table.name):
        return ""
    return str(connection.execute(sa.select(table.c.version_num)).scalar_one_or_none() or "")


@contextmanager
def _turn(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that has the write lock from its first moment, whatever the engine's."""
    with engine.connect() as connection:
        if connection.dialect.name != "sqlite":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TURN)))
            yield connection
            connection.commit()
            return
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql("SELECT 1")  # what an engine begins by itself begins now
        if getattr(connection.connection.dbapi_connection, "in_transaction", False):
            connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


def _bring(
    connection: sa.Connection, store: Store, metadata: sa.MetaData, revision_before: str
) -> None:
    """Make what is not there, then run the scripts after the revision that was found."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    folder = str(_SCRIPTS / store)
    scripts = ScriptDirectory(folder, version_locations=[folder])
    present = set(sa.inspect(connection).get_table_names())
    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": f"schema_{store}",
            "fn": lambda revision, _: scripts._upgrade_revs("head", revision),
        },
    )
    metadata.create_all(connection)
    if not revision_before:
        is_new = present.isdisjoint(metadata.tables)
        context.stamp(scripts, newest(store) if is_new else FIRST)
    with Operations.context(context):
        context.run_migrations()
