"""The event log, read whole and held against itself; its chain, and quarantine's totals.

The chain is computed while the log is read: `h(n) = SHA-256(h(n-1), body(n))`, by the number of the
event. It is kept nowhere in the database: an anchor elsewhere says what it was.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, func, or_, select

from domain.errors import LeadscoreError
from domain.verification import Anchored, Head, Verified, cut_off
from signals.events import event_log
from signals.events.event_log import logged
from signals.identifiers.normalization import IdentifierReader
from signals.store.tables import IDENTITY, counter, event_keys, event_keys_lately, events
from storage.hash_chain import GENESIS, link

LOG, QUARANTINE = "log", "quarantine"
_AT_A_TIME = 5_000


def log_head(engine: Engine, since: Head) -> Head | None:
    """Where the log's chain stands, computed on from a place where it stood.

    None where the log is shorter than that: its end was cut off. An empty log stands at 0.
    """
    last, digest = since.sequence, since.hash
    query = select(events.c.sequence, events.c.body).where(events.c.sequence > last)
    query = query.order_by(events.c.sequence).execution_options(yield_per=_AT_A_TIME)
    with engine.connect() as connection:
        if connection.execute(select(func.max(events.c.sequence))).scalar() or last == 0:
            for sequence, body in connection.execute(query):
                last, digest = sequence, link(digest, body)
        newest = connection.execute(select(func.max(events.c.sequence))).scalar() or 0
    return Head(sequence=last, hash=digest) if newest >= last else None


def verify_log(engine: Engine, anchored: Anchored, identifiers: IdentifierReader) -> list[Verified]:
    """The log and quarantine: numbers, chain, what columns and indexes repeat, totals.

    The columns of who an event is of are looked at where they were made by these rules.
    """
    with engine.connect() as connection:
        same = counter(connection, IDENTITY) == identifiers.rules.digest
        verified = _read(connection, anchored, identifiers if same else None)
        if not verified.fault:
            verified = _indexed(connection, verified)
    return [verified, _totals(engine, verified)]


def _read(
    connection: Connection, anchored: Anchored, identifiers: IdentifierReader | None
) -> Verified:
    count, digest = 0, GENESIS
    for row in _rows(connection):
        count += 1
        fault = "" if row.sequence == count else f"event {count} is missing"
        if not fault and not _fits(row, identifiers):
            fault = f"event {count} is not what its columns say"
        if not fault:
            digest = link(digest, row.body)
            if anchored.get(count, digest) != digest:
                since = max((n for n in anchored if n < count), default=0) + 1
                fault = f"one of the events {since} to {count} differs from the anchor"
        if fault:
            return Verified(store=LOG, count=count - 1, broken=count, fault=fault)
    return cut_off(LOG, count, anchored)


def _rows(connection: Connection) -> Iterator[Row[Any]]:
    query = select(events).order_by(events.c.sequence)
    yield from connection.execute(query.execution_options(yield_per=_AT_A_TIME))


def _fits(row: Row[Any], identifiers: IdentifierReader | None) -> bool:
    """Whether an event's columns follow from its body."""
    try:
        event = logged(row.body, row.identifier_keys, row.account)
        known = event.known
        if identifiers is not None:
            known = identifiers.read(event.signal.identifiers)
    except (msgspec.DecodeError, LeadscoreError, ValueError, TypeError):
        return False
    recorded = (event.key, event.signal.type, event.known_us)
    kept = (row.event_key, row.type, row.known_us)
    return recorded == kept and (known.keys, known.account) == (event.known.keys, row.account)


def _indexed(connection: Connection, verified: Verified) -> Verified:
    """Each event's key is in one of the indexes, under its number, and no other key is."""
    small, large = event_keys_lately, event_keys
    joined = events.outerjoin(large, events.c.event_key == large.c.event_key)
    joined = joined.outerjoin(small, events.c.event_key == small.c.event_key)
    number = func.coalesce(large.c.sequence, small.c.sequence)
    query = select(events.c.sequence).select_from(joined)
    query = query.where(or_(number.is_(None), number != events.c.sequence))
    query = query.where(events.c.sequence <= verified.count)
    for sequence in connection.execute(query.order_by(events.c.sequence).limit(1)).scalars():
        fault = f"event {sequence} is not in the index of keys: it could be taken in twice"
        return Verified(store=LOG, count=verified.count, broken=sequence, fault=fault)
    kept = sum(_counted(connection, table, verified.count) for table in (small, large))
    fault = (
        "" if kept == verified.count else f"the index has {kept} keys of {verified.count} events"
    )
    return Verified(store=LOG, count=verified.count, fault=fault)


def _counted(connection: Connection, table: Any, until: int) -> int:
    query = select(func.count()).select_from(table).where(table.c.sequence <= until)
    return int(connection.execute(query).scalar_one())


def _totals(engine: Engine, verified: Verified) -> Verified:
    """Check received = accepted + duplicates + quarantined, counted again."""
    logged, accepted, kept = event_log.verify(engine)
    parts: Sequence[tuple[str, int, int]] = (
        ("accepted", logged.accepted, accepted),
        ("quarantined", logged.quarantined, kept),
        ("received", logged.received, accepted + logged.duplicates + kept),
    )
    wrong = next((part for part in parts if part[1] != part[2]), None)
    fault = ""
    if wrong is not None and (wrong[0] == "quarantined" or not verified.fault):
        fault = f"the totals say {wrong[1]} {wrong[0]}, it is {wrong[2]}"
    return Verified(store=QUARANTINE, count=kept, fault=fault)
