"""What hash-chained journals share: where the chain ends, and whether it is whole.

A journal's table has `sequence`, from 1 without gaps, `previous`, `hash` and `body`, which is what
is hashed, beside columns of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from domain.verification import Anchored, Verified, cut_off
from storage.hash_chain import GENESIS, link

CHUNK = 500
"""Rows that are read at once."""


def newest_link(connection: sa.Connection, table: sa.Table) -> tuple[int, str]:
    """The number and the hash of the newest entry; 0 and GENESIS where there is none."""
    newest = sa.select(table.c.sequence, table.c.hash).order_by(table.c.sequence.desc())
    last = connection.execute(newest.limit(1)).first()
    return (0, GENESIS) if last is None else (int(last.sequence), str(last.hash))


def verify_journal(
    store: str,
    table: sa.Table,
    read: Callable[[sa.Select[Any]], Sequence[sa.Row[Any]]],
    agrees: Callable[[sa.Row[Any]], bool],
    anchored: Anchored,
) -> Verified:
    """Read a whole journal: numbering, chain, anchors, and that columns say what bodies say.

    `read` runs a query, and raises Unavailable; `agrees` compares a row with its body.
    """
    count, expected = 0, GENESIS
    query = sa.select(table).order_by(table.c.sequence).limit(CHUNK)
    while rows := read(query.where(table.c.sequence > count)):
        for row in rows:
            fault = _fault(row, count + 1, expected, agrees)
            if not fault and anchored.get(count + 1, row.hash) != row.hash:
                fault = f"entry {count + 1} differs from the anchor"
            if fault:
                return Verified(store=store, count=count, broken=count + 1, fault=fault)
            count, expected = count + 1, row.hash
    return cut_off(store, count, anchored)


def _fault(
    row: sa.Row[Any], number: int, expected: str, agrees: Callable[[sa.Row[Any]], bool]
) -> str:
    """What does not fit of one row, "" where all does."""
    if row.sequence != number:
        return f"entry {number} is missing"
    if row.previous != expected or row.hash != link(expected, row.body):
        return f"entry {number} breaks the hash chain"
    return "" if agrees(row) else f"entry {number} differs from its columns"
