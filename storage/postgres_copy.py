"""Many rows into PostgreSQL by COPY, for which its driver takes a tenth of the time of INSERTs."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from sqlalchemy import Column, Connection, Delete, Dialect, Insert, MetaData, Table, delete, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

Conflict = Literal["fail", "leave", "replace"]
"""What becomes of a row whose primary key is there already: it fails, is left out, or replaces."""

CopyRow = tuple[Any, ...]


class _Passage(NamedTuple):
    """A temporary table that rows pass through where they may be there already."""

    make: CreateTable
    pass_on: Insert
    clear: Delete


def copy_rows(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Sequence[CopyRow],
    conflict: Conflict,
) -> None:
    """Insert rows [n], tuples in the order of `columns`; of one primary key the last counts."""
    if conflict == "fail":
        _copy(connection, table, columns, rows)
        return
    passing, passage = _passage(table, columns, conflict)
    connection.execute(passage.make)
    _copy(connection, passing, columns, _last_of_each(table, columns, rows))
    connection.execute(passage.pass_on)
    connection.execute(passage.clear)


def _copy(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[CopyRow]
) -> None:
    """Copy rows, by the driver's own connection; its errors leave as SQLAlchemy's."""
    dialect = connection.dialect
    sql, types = _statement(dialect, table, columns)
    driver: Any = dialect.loaded_dbapi
    try:
        cursor: Any = connection.connection.cursor()
        with cursor, cursor.copy(sql) as copying:
            copying.set_types(types)
            for row in rows:
                copying.write_row(row)
    except driver.Error as bad:
        raise DBAPIError.instance(
            sql, None, bad, driver.Error, hide_parameters=True, dialect=dialect
        ) from bad


def _last_of_each(
    table: Table, columns: tuple[str, ...], rows: Sequence[CopyRow]
) -> Sequence[CopyRow]:
    """The last row of each primary key: one statement cannot replace a row twice."""
    at = [columns.index(c.name) for c in table.primary_key]
    return list({tuple(row[i] for i in at): row for row in rows}.values())


@lru_cache(maxsize=256)
def _statement(
    dialect: Dialect, table: Table, columns: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """The COPY into a table, and the types of its columns as the driver calls them."""
    prepare = dialect.identifier_preparer
    names = ", ".join(map(prepare.quote, columns))
    declared = (table.c[name].type.compile(dialect) for name in columns)
    # a length is the table's to check
    types = tuple(one.partition("(")[0].lower() for one in declared)
    return f"COPY {prepare.format_table(table)} ({names}) FROM STDIN (FORMAT BINARY)", types


@lru_cache(maxsize=256)
def _passage(table: Table, columns: tuple[str, ...], conflict: Conflict) -> tuple[Table, _Passage]:
    passing = Table(
        f"passing_{table.name}",
        MetaData(),
        *(Column(name, table.c[name].type) for name in columns),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DELETE ROWS",
    )
    key = [c.name for c in table.primary_key]
    pass_on = postgresql.insert(table).from_select(columns, select(passing))
    if conflict == "leave":
        pass_on = pass_on.on_conflict_do_nothing()
    else:
        new = {name: pass_on.excluded[name] for name in columns if name not in key}
        pass_on = pass_on.on_conflict_do_update(index_elements=key, set_=new)
    return passing, _Passage(CreateTable(passing, if_not_exists=True), pass_on, delete(passing))
