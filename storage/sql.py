"""What SQLite and PostgreSQL are told differently: the write lock, inserts, lists of values."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import Any

from msgspec import json
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    Table,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from domain.errors import Unavailable
from storage.postgres_copy import Conflict, copy_rows

_AT_A_TIME = 5_000
WORTH_A_COPY = 64
"""So many rows go to PostgreSQL by COPY, for which its driver takes a tenth of the time."""


@contextmanager
def answering(database: str, rule: str) -> Iterator[None]:
    """Turn what a driver raises into Unavailable; `database` names it in the message."""
    try:
        yield
    except DBAPIError as bad:
        raise Unavailable(
            f"{database} did not answer ({type(bad.orig).__name__})", rule=rule
        ) from bad


def lock_statement(dialect: str, key: int) -> str:
    """What begins a transaction that keeps other writers out: of the database, or of `key`.

    SQLite has one writer for each file; PostgreSQL has an advisory lock by number, which its
    transaction lets go of.
    """
    return "BEGIN IMMEDIATE" if dialect == "sqlite" else f"SELECT pg_advisory_xact_lock({key})"


def take_write_lock(connection: Connection, key: int) -> None:
    """Take the write lock at once, so that what is read stays true until the commit."""
    connection.exec_driver_sql(lock_statement(connection.dialect.name, key))


def insert_into(connection: Connection, table: Table) -> Any:
    """The dialect's INSERT, which knows ON CONFLICT."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def write(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    *,
    conflict: Conflict = "fail",
) -> None:
    """Insert many rows, given as tuples of columns.

    `conflict`: what becomes of a row whose primary key is there already: it fails, is left out, or
    replaces the other. The statement is SQLAlchemy's, compiled once; rows go to the driver as they
    are, which takes a third of the time that SQLAlchemy's own handling of them does.
    """
    if not rows:
        return
    if connection.dialect.name != "sqlite" and len(rows) >= WORTH_A_COPY:
        copy_rows(connection, table, columns, rows, conflict)
        return
    sql, order = _compiled(connection.dialect, table, columns, conflict)
    if order is None:
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        connection.exec_driver_sql(sql, named)
    else:
        connection.exec_driver_sql(sql, list(rows))


@lru_cache(maxsize=256)
def _compiled(
    dialect: Dialect, table: Table, columns: tuple[str, ...], conflict: Conflict
) -> tuple[str, tuple[str, ...] | None]:
    """The SQL, and the order of its parameters where they have no names."""
    statement: Any = (sqlite if dialect.name == "sqlite" else postgresql).insert(table)
    key = [c.name for c in table.primary_key]
    if conflict == "leave":
        statement = statement.on_conflict_do_nothing()
    if conflict == "replace":
        new = {name: statement.excluded[name] for name in columns if name not in key}
        statement = statement.on_conflict_do_update(index_elements=key, set_=new)
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    order = tuple(compiled.positiontup) if compiled.positiontup else None
    if order is not None and order != columns:
        raise ValueError(f"columns {columns} must be in the table's order {order}")
    return str(compiled), order


def among(
    connection: Connection, query: Select[Any], column: ColumnElement[Any], values: Iterable[Any]
) -> Iterator[Any]:
    """The rows of a query whose column is among any number of texts or integers.

    One parameter carries a whole list: a statement of fixed text is compiled once.
    """
    parameter: BindParameter[Any] = bindparam("among_values")
    if connection.dialect.name == "sqlite":
        listed = select(func.json_each(parameter).table_valued("value").c.value)
        narrowed = query.where(column.in_(listed))
    else:
        narrowed = query.where(column == func.any(cast(parameter, postgresql.ARRAY(column.type))))
    remaining = iter(values)
    while part := list(islice(remaining, _AT_A_TIME)):
        packed = json.encode(part).decode() if connection.dialect.name == "sqlite" else part
        yield from connection.execute(narrowed, {"among_values": packed})
