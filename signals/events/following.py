"""The event log followed from a place on: what came in since, and whose it is."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select

from signals.store.tables import events, identifiers
from storage.sql import among


class FollowedEvent(NamedTuple):
    """An event of the log: its key, its type, and the lead that it is of by now."""

    key: str
    type: str
    lead_id: str


class Followed(NamedTuple):
    """Events behind a place, and the place up to which the log was read."""

    position: int
    events: tuple[FollowedEvent, ...]


def following(engine: Engine, after: int, limit: int, types: Collection[str]) -> Followed:
    """Of the next `limit` events of the log, those of these types, in order.

    An event that no lead, or no single one, can be told of is left out.
    """
    e = events.c
    query = select(e.sequence, e.event_key, e.type, e.identifier_keys).where(e.sequence > after)
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(e.sequence).limit(limit)).all()
        wanted = [row for row in rows if row.type in types]
        owners = _owners(connection, {k for row in wanted for k in row.identifier_keys.split(",")})
    followed: list[FollowedEvent] = []
    for row in wanted:
        leads = [owners[key] for key in row.identifier_keys.split(",") if key in owners]
        own = {lead for lead, rule in leads if not rule} or {lead for lead, _ in leads}
        if len(own) == 1:
            followed.append(FollowedEvent(row.event_key, row.type, own.pop()))
    return Followed(int(rows[-1].sequence) if rows else after, tuple(followed))


def _owners(connection: Connection, keys: Collection[str]) -> dict[str, tuple[str, str]]:
    """The lead of each identifier, and why it joins nothing, "" where it may."""
    i = identifiers.c
    query = select(i["key"], i.lead_id, i.rule)
    return {row[0]: (row[1], row[2]) for row in among(connection, query, i["key"], sorted(keys))}
