"""Feast's SQLite online store, with a way in by one statement for all rows of states.

Feast's own executes a statement for every feature of every row, which is most of what a push of
states costs; reading, it makes keys field by field. What is stored is the same, byte for byte.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from feast.infra.online_stores.helpers import compute_table_id
from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig
from feast.utils import to_naive_utc

from domain.clock import from_us
from feature_repo.entities import OnlineRows, Stored, Wanted, entity_keys
from feature_repo.feast_imports import ValueProto


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
    _read_only: str = ""
    """The file, where it could only be read when it was opened."""

    def write_together(self, config: Any, rows: OnlineRows) -> None:
        """Write rows in one transaction."""
        versioned = config.registry.enable_online_feature_view_versioning
        name = compute_table_id(config.project, rows.view, versioned)
        keys = entity_keys(rows.join_key, rows.entities, config.entity_key_serialization_version)
        moments = [to_naive_utc(from_us(known)) for known in rows.known_us]
        told = [
            (key, feature, value, moment, None)
            for feature, values in rows.fields.items()
            for key, value, moment in zip(keys, values, moments, strict=True)
        ]
        with self._mending(), self._get_conn(config) as connection:
            connection.executemany(_upsert(name), told)

    def read_together(self, config: Any, wanted: Sequence[Wanted]) -> list[list[Stored]]:
        """What is stored of each view's entities, in their order: all of their fields."""
        return [self._read(config, one) for one in wanted]

    def _read(self, config: Any, wanted: Wanted) -> list[Stored]:
        versioned = config.registry.enable_online_feature_view_versioning
        version = config.entity_key_serialization_version
        keys = entity_keys(wanted.join_key, wanted.entities, version)
        found: dict[bytes, tuple[int, dict[str, ValueProto]]] = {}
        sql = _select(compute_table_id(config.project, wanted.view, versioned), len(keys))
        with self._mending():
            for key, name, value, known in self._get_conn(config).execute(sql, keys):
                held = found.get(key)
                if held is None:
                    held = found[key] = (known, {})
                held[1][name] = ValueProto.FromString(value)
        return [_stored(found.get(key)) for key in keys]

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
        held, self._conn = self._conn, None
        if held is not None:
            held.close()

    @contextmanager
    def _mending(self) -> Iterator[None]:
        """Let go of a connection that failed: its file may be replaced by a whole one."""
        try:
            yield
        except sqlite3.DatabaseError:
            self._let_go()
            raise


def _stored(found: tuple[int, dict[str, ValueProto]] | None) -> Stored:
    if found is None:
        return None, None
    return datetime.fromtimestamp(found[0], UTC), found[1]


@lru_cache(maxsize=1024)
def _select(table: str, entities: int) -> str:
    # Feast stores seconds; of an expression, sqlite3 makes no datetime in passing
    return (
        f'SELECT entity_key, feature_name, value, +event_ts FROM "{table}" '  # noqa: S608 Feast's own name
        f"WHERE entity_key IN ({','.join('?' * entities)})"
    )


@lru_cache(maxsize=8)
def _upsert(table: str) -> str:
    return (
        f'INSERT INTO "{table}" (entity_key, feature_name, value, event_ts, created_ts) '  # noqa: S608 Feast's own name
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (entity_key, feature_name) DO UPDATE SET "
        "value = excluded.value, event_ts = excluded.event_ts, created_ts = excluded.created_ts"
    )
