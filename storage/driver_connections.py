"""Connections of an engine's driver, kept beside its pool: for what every request asks.

A check-out from SQLAlchemy's pool costs more than the short statements it is for.
"""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from sqlalchemy import Engine, event

from storage.engine import READ_ONLY, close_idle

MOST_IDLE = 8
"""Connections that are kept while nobody uses them."""


class _Kept(NamedTuple):
    """A connection, the era it was opened in, and whether its file could only be read then."""

    connection: Any
    era: int
    read_only: bool


class DriverConnections:
    """The driver's connections of one engine. Safe to use from many threads.

    Those to a SQLite file are kept here, and are closed where the engine is disposed of. All
    others are the pool's, which minds whether a server hangs, and whose memory a database is.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._file = engine.url.database or "" if engine.dialect.name == "sqlite" else ""
        self._idle: deque[_Kept] = deque()
        self._era = 0
        if self._file:
            event.listen(engine, "engine_disposed", lambda _: self._close_idle())

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """A cursor; what its `connection` did not commit in the end is rolled back.

        Raises what engine and driver raise; a connection that failed is not used again.
        """
        if not self._file:
            with self._pooled() as cursor:
                yield cursor
            return
        kept = self._take()
        cursor = kept.connection.cursor()
        try:
            yield cursor
        except BaseException:
            cursor.close()  # an error holds it, and it would hold SQLite's files
            kept.connection.close()
            raise
        cursor.close()
        self._give_back(kept)

    @contextmanager
    def _pooled(self) -> Iterator[Any]:
        connection = self._engine.raw_connection()
        cursor = connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()
            connection.close()  # back to the pool, which rolls back what was not committed

    def _take(self) -> _Kept:
        try:
            kept = self._idle.pop()
        except IndexError:
            return self._open()
        if not kept.read_only or not os.access(self._file, os.W_OK):
            return kept
        kept.connection.close()
        close_idle()  # see storage.engine: all that were opened beside it can only read, too
        return self._open()

    def _open(self) -> _Kept:
        era, lent = self._era, self._engine.raw_connection()
        kept = _Kept(lent.driver_connection, era, bool(lent.info.get(READ_ONLY)))
        lent.detach()
        return kept

    def _give_back(self, kept: _Kept) -> None:
        if kept.connection.in_transaction:
            kept.connection.rollback()
        if kept.era == self._era and len(self._idle) < MOST_IDLE:
            self._idle.append(kept)
        else:
            kept.connection.close()

    def _close_idle(self) -> None:
        """Close those that nobody uses now; the others are closed after use."""
        self._era += 1
        with suppress(IndexError):  # another thread may be quicker
            while self._idle:
                self._idle.pop().connection.close()
