"""The event log: what was accepted, once each, and the totals that must add up."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, insert, select, update

from domain.errors import Unavailable
from domain.signals import Counts
from signals.reading import Accepted
from signals.schema import events, quarantine, totals
from signals.states import chunks


class Logged(NamedTuple):
    """One event of the log."""

    type: str
    known_us: int
    keys: tuple[str, ...]
    account: str
    body: bytes


def unseen(connection: Connection, accepted: Sequence[Accepted]) -> list[Accepted]:
    """Those that the log does not hold, the first of each key."""
    first = {a.key: a for a in reversed(accepted)}
    held: set[bytes] = set()
    for part in chunks(first):
        rows = connection.execute(select(events.c["event_key"]).where(events.c.event_key.in_(part)))
        held.update(bytes(r.event_key) for r in rows)
    return [a for a in accepted if a.key not in held and first[a.key] is a]


def append(connection: Connection, accepted: Iterable[Accepted]) -> None:
    """Write events to the log."""
    rows = [
        {
            "event_key": a.key,
            "type": a.signal.type,
            "known_us": a.signal.known_us(),
            "identifier_keys": ",".join(a.known.keys),
            "account": a.known.account,
            "body": a.body,
        }
        for a in accepted
    ]
    if rows:
        connection.execute(insert(events), rows)


def add_totals(connection: Connection, counts: Counts) -> None:
    """Add a batch's counts to the totals."""
    for name in Counts.__struct_fields__:
        added = {"value": totals.c.value + getattr(counts, name)}
        changed = connection.execute(update(totals).where(totals.c.name == name).values(added))
        if not changed.rowcount:
            row = {"name": name, "value": getattr(counts, name)}
            connection.execute(insert(totals), row)


def read_totals(engine: Engine) -> Counts:
    """The totals since the log began."""
    with engine.connect() as connection:
        return Counts(
            **{
                r.name: int(r.value)
                for r in connection.execute(select(totals.c["name"], totals.c["value"]))
            }
        )


def held(engine: Engine) -> tuple[int, int]:
    """How many events the log holds, and how many documents quarantine holds."""
    with engine.connect() as connection:
        logged = connection.execute(select(func.count()).select_from(events)).scalar_one()
        kept = connection.execute(select(func.count()).select_from(quarantine)).scalar_one()
        return logged, kept


def watermark_us(engine: Engine) -> int:
    """The newest moment at which an event became known; 0 for an empty log."""
    try:
        with engine.connect() as connection:
            return int(connection.execute(select(func.max(events.c.known_us))).scalar() or 0)
    except OSError as bad:
        raise Unavailable("the event log does not answer", rule="log-available") from bad


def read(engine: Engine, chunk: int = 20_000) -> Iterator[list[Logged]]:
    """The whole log in the order in which it became known, a chunk at a time."""
    e = events.c
    query = select(e.type, e.known_us, e.identifier_keys, e.account, e.body).order_by(
        e.known_us, e.sequence
    )
    with engine.connect() as connection:
        result = connection.execution_options(yield_per=chunk).execute(query)
        for part in result.partitions():
            yield [
                Logged(
                    r.type,
                    r.known_us,
                    tuple(r.identifier_keys.split(",")),
                    r.account,
                    bytes(r.body),
                )
                for r in part
            ]
