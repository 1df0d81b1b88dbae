"""The event log: what was accepted, once each, and the totals that must add up."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, update

from domain.errors import Unavailable
from domain.identifiers import IdentifierKey
from domain.signals import Counts, decode
from domain.state import event_digest, tie_of
from signals.identity import Known
from signals.reading import Accepted, key_of
from signals.schema import among, events, insert_into, quarantine, totals


def home_of(key: str) -> int:
    """What the log says of the key whose lead an event belongs to: 60 bits."""
    return int(key[1:16], 16)


def unseen(connection: Connection, accepted: Sequence[Accepted]) -> list[Accepted]:
    """Those that the log does not hold, the first of each key."""
    first = {a.key: a for a in reversed(accepted)}
    query = select(events.c.event_key)
    held = {key for (key,) in among(connection, query, events.c.event_key, first)}
    if not held and len(first) == len(accepted):
        return list(accepted)
    return [a for a in accepted if a.key not in held and first[a.key] is a]


def append(connection: Connection, accepted: Sequence[Accepted], homes: Sequence[str]) -> None:
    """Write events to the log, with the keys whose leads they belong to."""
    rows = [
        {
            "event_key": a.key,
            "type": a.signal.type,
            "known_us": a.known_us,
            "identifier_keys": ",".join(a.known.keys),
            "home": home_of(home),
            "account": a.known.account,
            "body": a.body,
        }
        for a, home in zip(accepted, homes, strict=True)
    ]
    if rows:
        connection.execute(insert(events), rows)


def read_homes(connection: Connection, keys: Sequence[str]) -> list[tuple[int, int, Accepted]]:
    """(sequence, home, event) of the logged events that belong to the leads of these keys."""
    e, known = events.c, set(keys)
    query = select(e.sequence, e.home, e.identifier_keys, e.account, e.body)
    found = []
    for row in among(connection, query, e.home, sorted({home_of(key) for key in known})):
        event = logged(row.body, row.identifier_keys, row.account)
        if not known.isdisjoint(event.known.keys):
            found.append((row.sequence, row.home, event))
    return found


def rehome(connection: Connection, moved: Sequence[tuple[int, int]]) -> None:
    """Note new homes, as (sequence, home)."""
    if moved:
        change = update(events).where(events.c.sequence == bindparam("at"))
        rows = [{"at": sequence, "to": home} for sequence, home in moved]
        connection.execute(change.values(home=bindparam("to")), rows)


def read_sequences(engine: Engine, sequences: Sequence[int]) -> Iterator[Accepted]:
    """Logged events by their numbers."""
    e = events.c
    query = select(e.sequence, e.body, e.identifier_keys, e.account)
    with engine.connect() as connection:
        for sequence, body, keys, account in among(connection, query, e.sequence, sequences):
            yield logged(body, keys, account, sequence)


def logged(body: bytes, keys: str, account: str, sequence: int = 0) -> Accepted:
    """An event of the log as it was accepted."""
    signal = decode(body)
    digest = event_digest(signal.source, signal.id)
    return Accepted(
        signal=signal,
        known=Known(tuple(IdentifierKey(key) for key in keys.split(",")), account),
        key=key_of(digest),
        body=body,
        time_us=signal.time_us(),
        known_us=signal.known_us(),
        tie=tie_of(digest),
        sequence=sequence,
    )


def add_totals(connection: Connection, counts: Counts) -> None:
    """Add a batch's counts to the totals."""
    added = {name: getattr(counts, name) for name in Counts.__struct_fields__}
    statement = insert_into(connection, totals)
    summed = {"value": totals.c.value + statement.excluded["value"]}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_=summed),
        [{"name": name, "value": value} for name, value in added.items()],
    )


def read_totals(engine: Engine) -> Counts:
    """The totals since the log began."""
    query = select(totals.c["name"], totals.c["value"])
    with engine.connect() as connection:
        held = {name: int(value) for name, value in connection.execute(query)}
    return Counts(**{name: held.get(name, 0) for name in Counts.__struct_fields__})


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


def read(engine: Engine, chunk: int = 20_000) -> Iterator[list[Accepted]]:
    """The whole log in the order in which it became known, a chunk at a time."""
    with engine.connect() as connection:
        yield from read_in(connection, chunk)


def read_in(connection: Connection, chunk: int = 20_000) -> Iterator[list[Accepted]]:
    """The log as a transaction sees it."""
    e = events.c
    query = select(e.body, e.identifier_keys, e.account, e.sequence)
    query = query.order_by(e.known_us, e.sequence).execution_options(yield_per=chunk)
    for part in connection.execute(query).partitions():
        yield [logged(*row) for row in part]
