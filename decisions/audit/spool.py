"""Decisions on disk that the audit trail could not take yet, in a small SQLite database.

Decisions that are to be recorded together are committed together: all of them are there, or none.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import sqlalchemy as sa

from decisions.audit import spool_table as table
from decisions.audit.spool_file import DAMAGED, FILE, TURN, batches
from domain.decisions import DecisionRecord
from domain.errors import Refused, Unavailable
from storage.files import exclusive
from storage.small_store import PAGE_BYTES, open_small_store
from storage.sql import take_write_lock

DATABASE = "decisions.spool.db"
AT_A_TIME = 500
"""So many decisions are handed over in one step, between which others may add theirs."""

_log = logging.getLogger(__name__)


class Spool:
    """A spool in a folder of its own, of about so many bytes at most. For threads and processes.

    It is opened when it is first asked for something. Then it takes over what a file of version
    0.2.0 in the folder holds, and removes that.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_pages = most_bytes // PAGE_BYTES
        self._opening, self._turn = Lock(), Lock()
        self._opened: sa.Engine | None = None
        self._readable = True

    def is_empty(self) -> bool:
        """Whether nothing waits that could be handed over: not where it cannot be read, either."""
        try:
            with self._cursor() as cursor:
                oldest = cursor.execute(table.ANY).fetchone()
        except Unavailable as bad:
            if self._readable:
                _log.error("%s; what waits in it stays there", bad)
            self._readable = False
            return True
        self._readable = True
        return oldest is None

    def add(self, records: Sequence[DecisionRecord]) -> None:
        """Keep decisions, all or none, on disk when this returns.

        Raises Unavailable where they have no room or cannot be written; Refused where a decision
        id, or the key of a request, is here already.
        """
        rows = [table.row_of(record) for record in records]
        with self._writing() as cursor:
            for _, key, _, _ in rows:
                if key is not None and cursor.execute(table.BY_KEY, (key,)).fetchone():
                    raise Refused("the request is already answered", rule="decision-once")
            cursor.executemany(table.INSERT, rows)

    def get(self, decision_id: str) -> DecisionRecord | None:
        """A decision that waits. Raises Unavailable."""
        return self._record(table.BY_ID, decision_id)

    def answered(self, keys: Sequence[str]) -> dict[str, DecisionRecord]:
        """By key, the waiting decisions that requests of these keys were answered with."""
        records = {key: self._record(table.BY_KEY, key) for key in keys}
        return {key: record for key, record in records.items() if record is not None}

    def drain(self, take: Callable[[Sequence[DecisionRecord]], None]) -> None:
        """Hand all over in the order in which they came, and forget them. Raises Unavailable.

        Where `take` raises, or this process dies, what it was given last is handed over again: it
        must bear that. One process at a time does this; who adds does not wait for it, and what is
        added meanwhile may stay for the next time.
        """
        if self.is_empty():  # opens it, which may take a turn of its own
            return
        with _available(), exclusive(self._folder / TURN):
            with self._cursor() as cursor:
                (last,) = cursor.execute(table.LAST).fetchone()
            damaged, more = 0, last is not None
            while more:
                more, marked = self._drain_part(last, take)
                damaged += marked
            if damaged:
                _log.error("%d decisions of the spool are damaged: they stay, marked", damaged)
            elif last is not None:
                self._shrink()

    def _drain_part(
        self, last: int, take: Callable[[Sequence[DecisionRecord]], None]
    ) -> tuple[bool, int]:
        """Hand over the oldest decisions; whether there may be more, and how many are damaged."""
        with self._cursor() as cursor:
            rows = cursor.execute(table.PART, (last, AT_A_TIME)).fetchall()
        records = [(sequence, table.record_in(check, body)) for sequence, check, body in rows]
        damaged = [(sequence,) for sequence, record in records if record is None]
        whole = [record for _, record in records if record is not None]
        if whole:
            take(whole)
        if rows:
            with self._writing() as cursor:
                cursor.executemany(table.MARK, damaged)
                cursor.execute(table.DELETE, (rows[-1][0],))
        return len(rows) == AT_A_TIME, len(damaged)

    def _shrink(self) -> None:
        """Give the room of what was handed over back to the disk, unless somebody is in the way."""
        with suppress(Unavailable), self._cursor() as cursor:
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _record(self, query: str, value: str) -> DecisionRecord | None:
        with self._cursor() as cursor:
            row = cursor.execute(query, (value,)).fetchone()
        return None if row is None else table.record_in(*row)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Cursor]:
        """A transaction that keeps other writers out."""
        with self._turn, self._cursor() as cursor:  # waiting for SQLite's own lock means sleeping
            cursor.execute(f"PRAGMA max_page_count={self._most_pages}")
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
            except BaseException:
                with suppress(sqlite3.Error):  # it may be rolled back already
                    cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")

    @contextmanager
    def _cursor(self) -> Iterator[sqlite3.Cursor]:
        """The driver's cursor of a connection; its errors as ours."""
        with _available():
            connection = self._engine().raw_connection()
            cursor: Any = connection.cursor()
            try:
                yield cursor
            finally:
                cursor.close()
                connection.close()  # back to the pool

    def _engine(self) -> sa.Engine:
        with self._opening:
            if self._opened is None:
                opened = open_small_store(self._folder / DATABASE, "spool", table.METADATA)
                try:
                    self._take_over(opened)
                except BaseException:
                    opened.dispose()
                    raise
                self._opened = opened
            return self._opened

    def _take_over(self, engine: sa.Engine) -> None:
        """Take in what a file of the former format holds; harmless to repeat after a crash."""
        file = self._folder / FILE
        if not file.exists():
            return
        with exclusive(self._folder / TURN):
            damaged = _copy(file, engine) if file.exists() else 0
            if damaged:
                _log.error("%d batches are damaged: they stay in %s", damaged, DAMAGED)
                file.replace(file.with_name(DAMAGED))
            file.unlink(missing_ok=True)


def _copy(file: Path, engine: sa.Engine) -> int:
    """Copy a file's decisions, all or none, but for those that are here; how many are damaged."""
    damaged = 0
    with engine.begin() as connection:
        take_write_lock(connection, 0)
        for batch in batches(file):
            damaged += batch is None
            for record in batch or ():
                connection.exec_driver_sql(table.INSERT_NEW, table.row_of(record))
    return damaged


@contextmanager
def _available() -> Iterator[None]:
    """Say Unavailable where disk or database say no, Refused where an id is there already."""
    try:
        yield
    except sqlite3.IntegrityError as bad:
        raise Refused("the decision is already recorded", rule="decision-once") from bad
    except (OSError, sqlite3.Error, sa.exc.SQLAlchemyError) as bad:
        cause = getattr(bad, "orig", bad)
        full = getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        what = "is full" if full else f"cannot be used: {type(cause).__name__}"
        raise Unavailable(f"the spool of decisions {what}", rule="audit-spool") from bad
