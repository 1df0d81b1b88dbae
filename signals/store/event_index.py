"""Where events stand in the log: by key, so that each is logged once, and by whose they are.

Both orders are random. In one large index every event would change a page of its own, and a log
of millions would cost a page written for each. So what is new goes into small indexes, and moves
into the large ones sorted, many at a time: then a page takes many at once. A large transaction's
go there at once.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy import Connection, bindparam, delete, func, insert, select

from signals.store.tables import (
    event_homes,
    event_homes_lately,
    event_keys,
    event_keys_lately,
    events,
)
from storage.sql import among, write

LATELY = 100_000
"""So many events are in the small indexes before they move."""

MANY = 50_000
"""So many events of one transaction go into the large indexes at once."""


def home_of(key: str) -> int:
    """A hash of the key whose lead an event belongs to: 60 bits."""
    return int(key[1:16], 16)


def held_keys(connection: Connection, keys: Sequence[str]) -> Iterator[str]:
    """Those keys whose events the log holds."""
    for table in (event_keys_lately, event_keys):
        query = select(table.c.event_key)
        yield from (key for (key,) in among(connection, query, table.c.event_key, keys))


def add(connection: Connection, keys: Sequence[str], homes: Sequence[int], first: int) -> None:
    """Index logged events, numbered from `first` on."""
    numbers = range(first, first + len(keys))
    many = len(keys) >= MANY
    for table, column, values in (
        (event_keys if many else event_keys_lately, "event_key", keys),
        (event_homes if many else event_homes_lately, "home", homes),
    ):
        order = np.argsort(np.array(values), kind="stable").tolist()
        rows = [(values[i], numbers[i]) for i in order]
        write(connection, table, (column, "sequence"), rows)
    # about as many as there are: exact counts would cost more than they tell
    if numbers.stop // LATELY != first // LATELY:
        settle(connection)


def settle(connection: Connection) -> None:
    """Move what is in the small indexes into the large ones, sorted."""
    for small, large in ((event_keys_lately, event_keys), (event_homes_lately, event_homes)):
        columns = [c.name for c in large.columns]
        rows = select(*small.columns).order_by(*small.primary_key.columns)
        connection.execute(insert(large).from_select(columns, rows))
        connection.execute(delete(small))


def of_homes(connection: Connection, homes: Sequence[int]) -> dict[int, int]:
    """The home of each event, by its number, that has one of these."""
    numbers: dict[int, int] = {}
    for table in (event_homes_lately, event_homes):
        query = select(table.c.home, table.c.sequence)
        rows = among(connection, query, table.c.home, homes)
        numbers.update((sequence, home) for home, sequence in rows)
    return numbers


def rehome(connection: Connection, moved: Sequence[tuple[int, int, int]]) -> None:
    """Note new homes, as (sequence, home before, home now)."""
    if not moved:
        return
    before = [{"was": was, "number": sequence} for sequence, was, _ in moved]
    for table in (event_homes_lately, event_homes):
        statement = delete(table).where(
            table.c.home == bindparam("was"), table.c.sequence == bindparam("number")
        )
        connection.execute(statement, before)
    rows = [(now, sequence) for sequence, _, now in moved]
    write(connection, event_homes_lately, ("home", "sequence"), rows)


def clear_homes(connection: Connection) -> None:
    """Forget whose events are."""
    for table in (event_homes_lately, event_homes):
        connection.execute(delete(table))


def last(connection: Connection) -> int:
    """The number of the newest event in the log."""
    return int(connection.execute(select(func.max(events.c.sequence))).scalar() or 0)
