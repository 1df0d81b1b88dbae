"""Feast's SQLite online store, with a way in by one statement for all rows of states.

Feast's own executes a statement for every feature of every row, which is most of what a push of
states costs; reading, it makes keys field by field. What is stored is the same, byte for byte.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from typing import Any, Literal

from feast.infra.online_stores.helpers import compute_table_id
from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig
from feast.utils import to_naive_utc

from domain.clock import SECOND, from_us
from feature_repo.entities import (
    NOT_STORED,
    OnlineRows,
    Stored,
    Wanted,
    entity_keys,
    value_of,
)


class BulkSqliteOnlineStoreConfig(SqliteOnlineStoreConfig):  # type: ignore[misc]
    """As Feast's own, under the name that it finds this store by."""

    type: Literal["feature_repo.sqlite_online_store.BulkSqliteOnlineStore"] = (
        "feature_repo.sqlite_online_store.BulkSqliteOnlineStore"
    )
    wait_s: float = 10.0
    """How long to wait for another's lock on the file."""


class BulkSqliteOnlineStore(SqliteOnlineStore):  # type: ignore[misc]
    """Feast's own store, with a quick way for entities of one text key whose values are bytes.

    Feast reads and writes by its own methods, which are left as they are.
    """

    _conn: sqlite3.Connection | None = None
    _place: tuple[int, int] = (0, 0)
    """Device and number of the file that was opened."""
    _read_only: str = ""
    """The file, where it could only be read when it was opened."""

    def write_together(self, config: Any, rows: OnlineRows) -> None:
        """Write rows in one transaction."""
        versioned = config.registry.enable_online_feature_view_versioning
        name = compute_table_id(config.project, rows.view, versioned)
        keys = entity_keys(rows.join_key, rows.entities, config.entity_key_serialization_version)
        moments = [to_naive_utc(from_us(known)) for known in rows.known_us]
        progress = [
            (key, feature, value, moment, None)
            for feature, values in rows.fields.items()
            for key, value, moment in zip(keys, values, moments, strict=True)
        ]
        with self._mending(), self._there(config) as connection:
            connection.executemany(_upsert(name), progress)

    def read_together(self, config: Any, wanted: Sequence[Wanted]) -> list[list[Stored]]:
        """What is stored of each view's entities, in their order: all of their fields."""
        versioned = config.registry.enable_online_feature_view_versioning
        version = config.entity_key_serialization_version
        names = [compute_table_id(config.project, one.view, versioned) for one in wanted]
        keys = [entity_keys(one.join_key, one.entities, version) for one in wanted]
        sql = _select(tuple(names), tuple(map(len, keys)))
        stored: dict[bytes, tuple[int, dict[str, bytes]]] = {}
        with self._mending():
            rows = self._there(config).execute(sql, [*chain(*keys)])
            for key, name, value, known in rows:
                # a key tells its view's entity: no two views have one in common
                row = stored.get(key)
                if row is None:
                    row = stored[key] = (known * SECOND, {})
                row[1][name] = value_of(value)
        return [[stored.get(key, NOT_STORED) for key in some] for some in keys]

    def _there(self, config: Any) -> Any:
        """The connection to the file that is there now: none is made in its place.

        Who holds a file open goes on reading it when it is moved away, removed or replaced: as if
        nothing came in since. Raises sqlite3.OperationalError where none is there.
        """
        try:
            status = os.stat(self._get_db_path(config))  # noqa: PTH116 at each read
        except OSError:
            raise sqlite3.OperationalError("unable to open database file") from None
        if (status.st_dev, status.st_ino) != self._place:
            self._let_go()
            self._place = (status.st_dev, status.st_ino)
        return self._get_conn(config)

    def _get_conn(self, config: Any) -> Any:
        if self._conn and self._read_only and os.access(self._read_only, os.W_OK):
            self._let_go()  # the database is read-only, it would be so for ever
        if not self._conn:
            wait_ms = round(config.online_store.wait_s * 1000)
            opened = super()._get_conn(config)
            opened.execute(f"PRAGMA busy_timeout={wait_ms}")
            ((_, _, file),) = opened.execute("PRAGMA database_list").fetchall()
            self._read_only = "" if os.access(file, os.W_OK) else file
        return self._conn

    def _let_go(self) -> None:
        connection, self._conn = self._conn, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _mending(self) -> Iterator[None]:
        """Let go of a connection that failed: its file may be replaced by a whole one."""
        try:
            yield
        except sqlite3.DatabaseError:
            self._let_go()
            raise


@lru_cache(maxsize=1024)
def _select(tables: tuple[str, ...], counts: tuple[int, ...]) -> str:
    """One statement for so many entities of each table."""
    # Feast stores seconds; of an expression, sqlite3 makes no datetime in passing
    return " UNION ALL ".join(
        f'SELECT entity_key, feature_name, value, +event_ts FROM "{table}" '  # noqa: S608 Feast's own name
        f"WHERE entity_key IN ({','.join('?' * entities)})"
        for table, entities in zip(tables, counts, strict=True)
    )


@lru_cache(maxsize=8)
def _upsert(table: str) -> str:
    return (
        f'INSERT INTO "{table}" (entity_key, feature_name, value, event_ts, created_ts) '  # noqa: S608 Feast's own name
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (entity_key, feature_name) DO UPDATE SET "
        "value = excluded.value, event_ts = excluded.event_ts, created_ts = excluded.created_ts"
    )
