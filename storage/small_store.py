"""A small SQLite database of one purpose, such as an outbox, in a file that its owner may read."""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, MetaData, event

from storage.engine import open_engine
from storage.migrations import Store, migrate

PAGE_BYTES = 4096
"""What SQLite reads and writes at a time, unless it is told otherwise."""
_WAL_PAGES = 1_000
"""After so many pages the log ahead is written back: it stays at some 4 MB."""


def open_small_store(path: Path, store: Store, metadata: MetaData) -> Engine:
    """The store in this file, made where it is missing; what is committed survives a power cut.

    Raises OSError or SQLAlchemyError where it cannot be used, BadConfiguration where a newer
    version of the product has changed it.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite's other files take its mode
    engine = open_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _keep_small)
    try:
        migrate(engine, store, metadata)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _keep_small(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit={_WAL_PAGES * PAGE_BYTES}")
