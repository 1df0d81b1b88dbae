"""Rebuild identities, leads, accounts and states from the log, after a change of a definition."""

from collections.abc import Callable, Iterator

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from signals.events import event_log
from signals.identity import store as stored
from signals.identity.link_graph import Keys
from signals.ingest.transactions import Writer
from signals.store import event_index
from signals.store.event_index import home_of
from signals.store.tables import accounts, changes, event_homes, events, identifiers, leads, outbox
from storage.sql import write

_SETS = 20_000


def rebuild(writer: Writer, progress: Callable[[int], None]) -> int:
    """Rebuild everything that is derived from the log, in one transaction; how many events.

    Who is who is decided first, of all events at once; then every event counts where it belongs.
    `progress` is told how many events each step took in.
    """
    done = 0
    with writer.transaction() as connection:
        _read_again(connection, writer)
        writer.remember_rules(connection)
        before = _partition(connection)
        for table in (leads, accounts, outbox):
            connection.execute(delete(table))
        stored.erase(connection)
        writer.identities.begin(connection, fresh=False)
        for part in _sets(connection):
            writer.identities.begin(connection, fresh=True)
            resolved = writer.identities.resolver.add(part)
            writer.identities.save(resolved, part)
        _tell_changes(connection, before, _partition(connection))
        _rehome(connection, writer)
        for logged in event_log.read_in(connection):
            writer.identities.begin(connection, fresh=True)
            writer.batch(connection).count(logged)
            done += len(logged)
            progress(len(logged))
    return done


def _partition(connection: Connection) -> dict[str, str]:
    """The lead of each identifier."""
    i = identifiers.c
    return {row.key: row.lead_id for row in connection.execute(select(i["key"], i.lead_id))}


def _tell_changes(connection: Connection, before: dict[str, str], after: dict[str, str]) -> None:
    """Record which leads became part of which by reading identifiers again."""
    moved = {(before[key], lead) for key, lead in after.items() if before.get(key, lead) != lead}
    latest = connection.execute(select(func.max(events.c.known_us))).scalar() or 0
    event = {"known_us": latest, "event_key": "", "reason": "identifiers were read again"}
    if moved:
        rows = [{"lead_id": a, "into_lead": b, **event} for a, b in sorted(moved)]
        connection.execute(insert(changes), rows)


def _read_again(connection: Connection, writer: Writer) -> None:
    """Note in the log where the identifiers of an event mean something else now."""
    changed = [
        {"at": event.sequence, "keys": ",".join(known.keys), "belongs": known.account}
        for part in event_log.read(writer.engine)
        for event in part
        if (known := writer.identifiers.read(event.signal.identifiers)) != event.known
    ]
    if changed:
        change = update(events).where(events.c.sequence == bindparam("at"))
        change = change.values(identifier_keys=bindparam("keys"), account=bindparam("belongs"))
        connection.execute(change, changed)


def _sets(connection: Connection) -> Iterator[dict[Keys, str]]:
    """The sets of keys in the log, each with an event that carried it, some thousands at a time."""
    e = events.c
    query = select(e.identifier_keys, e.event_key).order_by(e.known_us, e.sequence)
    part: dict[Keys, str] = {}
    rows = connection.execute(query.execution_options(yield_per=_SETS))
    for keys, event in rows:
        part.setdefault(tuple(keys.split(",")), event)
        if len(part) >= _SETS:
            yield part
            part = {}
    if part:
        yield part


def _rehome(connection: Connection, writer: Writer) -> None:
    """Record again which lead each event of the log belongs to."""
    event_index.clear_homes(connection)
    e = events.c
    query = select(e.sequence, e.identifier_keys).execution_options(yield_per=_SETS)
    for part in connection.execute(query).partitions():
        writer.identities.begin(connection, fresh=True)
        sets = [tuple(keys.split(",")) for _, keys in part]
        writer.identities.know(sets)
        route = writer.identities.resolver.route
        rows = [(home_of(route(keys)), r.sequence) for r, keys in zip(part, sets, strict=True)]
        write(connection, event_homes, ("home", "sequence"), sorted(rows))
