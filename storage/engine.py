"""Database engines, one per store."""

import os
from contextlib import closing
from pathlib import Path
from typing import Any
from weakref import WeakSet

from sqlalchemy import Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from domain.errors import BadConfiguration, Unavailable
from storage.connection_watchdog import Watchdog

CONNECT_S = 10
"""How long a database server may take to answer the first call."""


LEAST_S = 0.5
"""A connection may be in use for so long at least: less is no sign that its server hangs."""

_files: WeakSet[Engine] = WeakSet()
READ_ONLY = "read-only"
"""What is noted of a connection whose file could not be written when it was opened."""

WAIT_S = 30.0
"""How long another's lock is waited for where nobody waits for an answer."""


def open_engine(url: str, wait_s: float = WAIT_S, *, watched: bool = True) -> Engine:
    """An engine of SQLite or PostgreSQL; nothing is connected yet.

    `wait_s` bounds the wait for a lock; where it is less than the usual one, PostgreSQL is bounded
    by it too: how long it may take to connect, and how long a connection may be in use; the latter
    not where work may rightly take longer, `watched` False.

    SQLite runs in write-ahead mode, with transactions that begin where code says so. A connection
    to PostgreSQL is tried before it is used again, so that a restart of the server goes unnoticed.
    Connecting raises Unavailable. Raises BadConfiguration for a URL that is none.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise BadConfiguration("a database URL cannot be read", rule="database-url") from None
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(url, parsed.database, wait_s)
    bounded = wait_s < WAIT_S
    options = {"options": f"-c lock_timeout={round(wait_s * 1000)}"} if bounded else {}
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_pre_ping=not (bounded and watched),  # the watchdog's turn
        hide_parameters=True,
        # libpq counts whole seconds, and takes 1 for 2
        connect_args={"connect_timeout": min(CONNECT_S, max(2, round(wait_s))), **options},
    )
    event.listen(engine, "handle_error", _unreachable)
    if bounded and watched:
        # a wait for a lock, and what comes after it
        Watchdog(max(2 * wait_s, LEAST_S)).watch(engine)
    return engine


def has_database(url: str) -> bool:
    """Whether there is a database to read: whoever only reads makes none."""
    parsed = make_url(url)
    return parsed.get_backend_name() != "sqlite" or Path(parsed.database or "").is_file()


def _sqlite(url: str, database: str | None, wait_s: float) -> Engine:
    if database:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "connect", lambda connection, _: _prepare(connection, wait_s))
    if database:
        _mind_writable(engine, Path(database))
    return engine


def _mind_writable(engine: Engine, file: Path) -> None:
    """Mind whether a file could be written when its connections were opened.

    Where it could not, SQLite opens it for reading alone, and all that this process opens beside
    them: once it can be written, they go.
    """

    def opened(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[READ_ONLY] = not os.access(file, os.W_OK)

    def checked_out(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        if record.info.get(READ_ONLY) and os.access(file, os.W_OK):
            close_idle()
            raise DisconnectionError("the database is read-only")

    event.listen(engine, "connect", opened)
    event.listen(engine, "checkout", checked_out)
    _files.add(engine)


def close_idle() -> None:
    """Close all connections of this process to SQLite files that nobody uses at the moment."""
    for engine in list(_files):
        engine.dispose()


def _prepare(connection: Any, wait_s: float) -> None:
    connection.isolation_level = None
    with closing(connection.cursor()) as cursor:
        for pragma in (
            f"busy_timeout={round(wait_s * 1000)}",  # before the mode: to change it takes a lock
            "journal_mode=WAL",
            "synchronous=FULL",  # what was acknowledged survives a power cut too
            "cache_size=-49152",
            "wal_autocheckpoint=16000",  # 64 MB: a page that changes often is written back seldom
        ):
            cursor.execute(f"PRAGMA {pragma}")


def _unreachable(context: ExceptionContext) -> None:
    if context.connection is None and not context.is_pre_ping:
        raise Unavailable(
            "the database does not answer",
            rule="database-reachable",
            where=context.dialect.name,
            todo="Is the server running, and are host, name and password of its URL right?",
        )
