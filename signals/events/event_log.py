"""The event log: what was accepted, once each, and the totals that must add up."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Connection, Engine, func, select

from domain.errors import Unavailable
from domain.identifiers import IdentifierKey
from domain.signals import Counts, decode
from domain.state import event_digest, tie_of
from signals.events.event_columns import EventColumns
from signals.events.validation import ValidEvent
from signals.identifiers.normalization import EventIdentifiers
from signals.identity.link_graph import Keys
from signals.store import event_index
from signals.store.event_index import home_of
from signals.store.event_keys import key_of
from signals.store.tables import events, quarantine, totals
from storage.sql import among, insert_into, write

_COLUMNS = ("sequence", "event_key", "type", "known_us", "identifier_keys", "account", "body")


def unseen(connection: Connection, keys: Sequence[str]) -> list[int]:
    """The places of events that the log does not hold, the first of each key."""
    first: dict[str, int] = {}
    for place, key in enumerate(keys):
        first.setdefault(key, place)
    for key in event_index.held_keys(connection, list(first)):
        del first[key]
    return list(first.values())


def holding(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Those of the keys whose events the log holds."""
    return set(event_index.held_keys(connection, list(keys)))


def append(connection: Connection, fresh: EventColumns, homes: Mapping[Keys, str]) -> None:
    """Write events to the log, with the keys whose leads they belong to, by their sets of keys."""
    first = event_index.last(connection) + 1
    joined = {keys: ",".join(keys) for keys in homes}
    rows = list(
        zip(
            range(first, first + len(fresh.keys)),
            fresh.keys,
            fresh.types,
            fresh.known_us.tolist(),
            [joined[keys] for keys in fresh.sets],
            fresh.accounts,
            fresh.bodies,
            strict=True,
        )
    )
    write(connection, events, _COLUMNS, rows)
    home = {keys: home_of(key) for keys, key in homes.items()}
    event_index.add(connection, fresh.keys, [home[keys] for keys in fresh.sets], first)


def read_homes(connection: Connection, keys: Sequence[str]) -> list[tuple[int, ValidEvent]]:
    """(home, event) of the logged events that belong to the leads of these keys."""
    known = set(keys)
    homes = event_index.of_homes(connection, sorted({home_of(key) for key in known}))
    e, home_rows = events.c, []
    query = select(e.sequence, e.identifier_keys, e.account, e.body)
    for row in among(connection, query, e.sequence, sorted(homes)):
        event = logged(row.body, row.identifier_keys, row.account, row.sequence)
        if not known.isdisjoint(event.known.keys):
            home_rows.append((homes[row.sequence], event))
    return home_rows


def read_sequences(engine: Engine, sequences: Sequence[int]) -> Iterator[ValidEvent]:
    """Logged events by their numbers."""
    e = events.c
    query = select(e.sequence, e.body, e.identifier_keys, e.account)
    with engine.connect() as connection:
        for sequence, body, keys, account in among(connection, query, e.sequence, sequences):
            yield logged(body, keys, account, sequence)


def logged(body: bytes, keys: str, account: str, sequence: int = 0) -> ValidEvent:
    """An event of the log as it was accepted."""
    signal = decode(body)
    digest = event_digest(signal.source, signal.id)
    return ValidEvent(
        signal=signal,
        known=EventIdentifiers(tuple(IdentifierKey(key) for key in keys.split(",")), account),
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


def stored_counts(engine: Engine) -> tuple[int, int]:
    """How many events the log holds, and how many documents quarantine holds."""
    return verify(engine)[1:]


def size(engine: Engine) -> int:
    """How many events the log holds, without counting them: numbers follow without a gap."""
    with engine.connect() as connection:
        return event_index.last(connection)


def verify(engine: Engine) -> tuple[Counts, int, int]:
    """The totals, and what log and quarantine hold, as of one moment."""
    logged = select(func.count()).select_from(events).scalar_subquery()
    kept = select(func.count()).select_from(quarantine).scalar_subquery()
    query = select(totals.c["name"], totals.c["value"], logged, kept)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    named = {row[0]: int(row[1]) for row in rows}
    counts = Counts(**{name: named.get(name, 0) for name in Counts.__struct_fields__})
    return counts, int(rows[0][2]) if rows else 0, int(rows[0][3]) if rows else 0


def watermark_us(engine: Engine) -> int:
    """The newest moment at which an event became known; 0 for an empty log."""
    try:
        with engine.connect() as connection:
            return int(connection.execute(select(func.max(events.c.known_us))).scalar() or 0)
    except OSError as bad:
        raise Unavailable("the event log does not answer", rule="log-available") from bad


def read(engine: Engine, chunk: int = 20_000) -> Iterator[list[ValidEvent]]:
    """The log in the order in which it became known, a chunk at a time."""
    with engine.connect() as connection:
        yield from read_in(connection, chunk)


def read_in(connection: Connection, chunk: int = 20_000) -> Iterator[list[ValidEvent]]:
    """The log as a transaction sees it."""
    e = events.c
    query = select(e.body, e.identifier_keys, e.account, e.sequence)
    query = query.order_by(e.known_us, e.sequence).execution_options(yield_per=chunk)
    for part in connection.execute(query).partitions():
        yield [logged(*row) for row in part]
