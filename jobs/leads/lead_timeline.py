"""What happened to one lead: its newest signals, without what is personal in them."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import select

from domain.clock import iso, to_us
from domain.ports import LeadRef
from domain.signals import decode
from signals.contracts.registry import ContractRegistry
from signals.store.event_index import home_of, of_homes
from signals.store.tables import events
from storage.sql import among
from wiring.signals import SignalPlane

_SHOWN = frozenset({"public", "internal"})
"""Fields of these classifications are shown; of what no contract names, nothing is."""


class LeadSignal(msgspec.Struct, frozen=True, kw_only=True):
    """One accepted signal. Moments are RFC 3339; `data` holds what is not personal of it."""

    sequence: int
    type: str
    source: str
    happened: str
    known: str
    data: Mapping[str, object]


def lead_timeline(
    plane: SignalPlane, book: ContractRegistry, lead: LeadRef, most: int
) -> list[LeadSignal]:
    """A lead's newest signals by when they happened, newest first, at most so many."""
    keys = {name.key for name in plane.directory.names(lead)}
    homes = sorted({home_of(key) for key in keys})
    e = events.c
    query = select(e.sequence, e.identifier_keys, e.body)
    with plane.engine.connect() as connection:
        newest = sorted(of_homes(connection, homes), reverse=True)[:most]
        rows = list(among(connection, query, e.sequence, newest))
    signals = [
        _signal(row.sequence, row.body, book)
        for row in rows
        if not keys.isdisjoint(row.identifier_keys.split(","))
    ]
    return sorted(signals, key=lambda one: (one.happened, one.sequence), reverse=True)


def _signal(sequence: int, body: bytes, book: ContractRegistry) -> LeadSignal:
    signal = decode(body)
    versions = book.versions.get(signal.type, [])
    fields = [f for c in versions if c.version == signal.dataversion for f in c.fields]
    shown = {field.name for field in fields if field.classification in _SHOWN}
    return LeadSignal(
        sequence=sequence,
        type=signal.type,
        source=signal.source,
        happened=iso(to_us(signal.time)),
        known=iso(signal.known_us()),
        data={name: value for name, value in signal.data.items() if name in shown},
    )
