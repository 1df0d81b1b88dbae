"""The workflow's database, put together: leads' states, timers, effects, and their journal."""

from typing import Any

import sqlalchemy as sa

from config.settings import Settings
from storage.engine import has_database, open_engine
from storage.migrations import migrate
from storage.sql import answering
from workflow.metadata import METADATA
from workflow.outbox.tables import GUARDS
from workflow.store.tables import GUARDS as OF_LEADS

CACHE_KB = 512
"""What SQLite keeps of the file: four megabytes were no faster, the system keeps it, too."""
__all__ = ["METADATA", "has_workflow", "open_workflow"]


def open_workflow(settings: Settings) -> sa.Engine:
    """The database of a home's workflow; tables are made where they are missing.

    Raises Unavailable, or BadConfiguration where a newer version of the product has changed it.
    """
    engine = open_engine(settings.workflow_db)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _keep_small)
    prepare_workflow(engine)
    return engine


def has_workflow(settings: Settings) -> bool:
    """Whether there is a database to read: whoever only reads makes none."""
    return has_database(settings.workflow_db)


def _keep_small(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")


def prepare_workflow(engine: sa.Engine) -> None:
    """Bring a database to the newest form, with its guards; harmless to repeat."""
    with answering("the workflow's database", rule="workflow-available"):
        migrate(engine, "workflow", METADATA)
        with engine.begin() as connection:
            for guard in (*GUARDS[engine.dialect.name], *OF_LEADS[engine.dialect.name]):
                connection.exec_driver_sql(guard)
