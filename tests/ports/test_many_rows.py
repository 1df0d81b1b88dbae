"""Many rows come to stand in a table as a few do, on every database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DataError, IntegrityError

from signals.store import tables
from signals.store.tables import create_tables, metadata, outbox, writing
from storage.postgres_copy import Conflict
from storage.sql import WORTH_A_COPY, write
from tests.ports.databases import both_databases

Engines = Callable[[], Engine]
COLUMNS = ("entity", "kind", "version")
ODD = ["tab\there", "line\nbreak", "back\\slash", "quote'\"", "\\N", "\\.", "grün", "", "漢字"]


def entities(*versions: int) -> list[tuple[Any, ...]]:
    """Rows enough to be copied, whose names need care."""
    names = [*ODD, *(f"e{n}" for n in range(WORTH_A_COPY))]
    return [(name, "lead", version) for version in versions for name in names]


@contextmanager
def writer(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        writing(connection)
        yield connection
        connection.commit()


def kept(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {row.entity: row.version for row in connection.execute(select(outbox))}


@both_databases
@pytest.mark.parametrize(("conflict", "last"), [("leave", 1), ("replace", 3)])
def test_rows_that_are_there_are_left_or_replaced(
    engines: Engines, conflict: Conflict, last: int
) -> None:
    engine = engines()
    create_tables(engine)
    for one in (entities(1), entities(2, 3)):
        with writer(engine) as connection:
            write(connection, outbox, COLUMNS, one, conflict=conflict)
            write(connection, outbox, COLUMNS, one[-1:], conflict=conflict)
    assert kept(engine) == dict.fromkeys([name for name, _, _ in entities(1)], last)
    metadata.drop_all(engine)


@both_databases
def test_a_row_that_is_there_fails_all(engines: Engines) -> None:
    engine = engines()
    create_tables(engine)
    with writer(engine) as connection:
        write(connection, outbox, COLUMNS, entities(1)[3:4])
    with pytest.raises(IntegrityError), writer(engine) as connection:
        write(connection, outbox, COLUMNS, entities(2))
    assert len(kept(engine)) == 1
    metadata.drop_all(engine)


@both_databases
def test_bytes_come_back_as_they_went(engines: Engines) -> None:
    engine = engines()
    create_tables(engine)
    columns = ("sequence", "event_key", "type", "known_us", "identifier_keys", "account", "body")
    bodies = [bytes(range(256)) * n for n in range(WORTH_A_COPY)]
    rows = [(n, f"k{n}", "web.x", -n, "", "", body) for n, body in enumerate(bodies, 1)]
    with writer(engine) as connection:
        write(connection, tables.events, columns, rows)
    with engine.connect() as connection:
        held = connection.execute(select(tables.events).order_by(tables.events.c.sequence)).all()
    assert [tuple(getattr(row, name) for name in columns) for row in held] == rows
    metadata.drop_all(engine)


@both_databases
def test_a_text_that_is_too_long_is_cut_nowhere(engines: Engines) -> None:
    engine = engines()
    create_tables(engine)
    long = [("x" * 99, "lead", 1), *entities(1)]
    try:
        with writer(engine) as connection:
            write(connection, outbox, COLUMNS, long, conflict="replace")
    except DataError:
        assert kept(engine) == {}
    else:
        assert "x" * 99 in kept(engine)
    metadata.drop_all(engine)
