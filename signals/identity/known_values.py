"""What a lead's identifiers were on its newest events: the log's bodies alone hold them."""

from typing import Any

from msgspec import DecodeError, json
from sqlalchemy import Engine, select

from domain.ports import LeadRef
from signals.identity.directory import Directory
from signals.store.event_index import home_of, of_homes
from signals.store.tables import events
from storage.sql import among

NEWEST = 20
"""Events that are looked at."""
MOST_VALUES = 20
"""Values that are shown of one lead."""

_Values = list[tuple[str, str]]


def identifiers_of(engine: Engine, directory: Directory, lead: LeadRef) -> list[tuple[str, str]]:
    """Kind and value of each identifier on the lead's newest events, newest first, each once.

    Personal data: it is for who may see it.
    """
    homes = sorted({home_of(known.key) for known in directory.names(lead)})
    with engine.connect() as connection:
        numbers = sorted(of_homes(connection, homes), reverse=True)[:NEWEST]
        query = select(events.c.sequence, events.c.body)
        logged = among(connection, query, events.c.sequence, numbers)
        rows = {row.sequence: row.body for row in logged}
    values: _Values = []
    for number in numbers:
        values += _stated(rows[number])
    return list(dict.fromkeys(values))[:MOST_VALUES]


def _stated(body: bytes) -> _Values:
    try:
        document: Any = json.decode(body)
    except DecodeError:
        return []
    stated = document.get("identifiers", {}) if isinstance(document, dict) else {}
    values: _Values = []
    for kind, value in sorted(stated.items()):
        several = value if isinstance(value, list) else [value]
        values += [(str(kind), str(one)) for one in several if one not in (None, "")]
    return values
