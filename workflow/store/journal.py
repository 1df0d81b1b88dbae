"""The journal of the workflow: every event that a lead took, append-only, hash-chained."""

from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any

import msgspec
import sqlalchemy as sa

from domain.bucketing import Assignment
from domain.verification import UNANCHORED, Anchored, Verified
from storage.chained_journal import newest_link, verify_journal
from storage.hash_chain import link
from storage.sql import answering, write
from workflow.chart.lead_state import StepKind, WorkflowEvent
from workflow.store.tables import JOURNAL

STORE = "journal of the workflow"
CHUNK = 1_000
_COLUMNS = ("sequence", "lead_id", "event_key", "previous", "hash", "body")
in_workflow = partial(answering, "the workflow's database", rule="workflow-available")


class JournalRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event that a lead took, and what became of the lead.

    `chart` is the fingerprint of the statechart it was taken by, `transition` the place in it.
    `revision` counts the lead's events. `effects` are the keys of what was asked for. `assigned` is
    where a lead that began stood in the rollout under way. Moments in microseconds since 1970.
    """

    sequence: int
    at_us: int
    lead_id: str
    event: WorkflowEvent
    kind: StepKind
    chart: str
    transition: str
    from_state: str
    to_state: str
    revision: int
    owner: str = ""
    due_us: int | None = None
    effects: tuple[str, ...] = ()
    assigned: Assignment | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(JournalRow).decode


def event_key(lead_id: str, event_id: str) -> bytes:
    """What an event is known by: a digest of the lead and of the event's own id."""
    return blake2b(f"{lead_id}\0{event_id}".encode(), digest_size=16).digest()


def append(connection: sa.Connection, rows: Sequence[JournalRow]) -> list[JournalRow]:
    """Add entries behind the newest one, numbered. The caller holds the right to append."""
    sequence, previous = newest_link(connection, JOURNAL)
    written: list[JournalRow] = []
    values: list[tuple[Any, ...]] = []
    for draft in rows:
        sequence += 1
        row = msgspec.structs.replace(draft, sequence=sequence)
        body = _encode(row)
        digest = link(previous, body)
        key = event_key(row.lead_id, row.event.id)
        values.append((sequence, row.lead_id, key, previous, digest, body))
        written.append(row)
        previous = digest
    write(connection, JOURNAL, _COLUMNS, values)
    return written


def known_keys(connection: sa.Connection, keys: Sequence[bytes]) -> set[bytes]:
    """Those of the keys whose events were taken."""
    known: set[bytes] = set()
    for at in range(0, len(keys), CHUNK // 2):
        query = sa.select(JOURNAL.c.event_key).where(
            JOURNAL.c.event_key.in_(keys[at : at + CHUNK // 2])
        )
        known.update(bytes(key) for key in connection.execute(query).scalars())
    return known


def of_lead(connection: sa.Connection, lead_id: str, limit: int) -> list[JournalRow]:
    """What a lead took, newest first."""
    query = sa.select(JOURNAL.c.body).where(JOURNAL.c.lead_id == lead_id)
    rows = connection.execute(query.order_by(JOURNAL.c.sequence.desc()).limit(limit))
    return [_decode(row.body) for row in rows]


def entries(engine: sa.Engine, after: int = 0) -> Iterator[JournalRow]:
    """All entries behind a number, in order. Raises Unavailable, at any step."""
    query = sa.select(JOURNAL.c.sequence, JOURNAL.c.body).order_by(JOURNAL.c.sequence).limit(CHUNK)
    while True:
        with in_workflow(), engine.connect() as connection:
            rows = connection.execute(query.where(JOURNAL.c.sequence > after)).all()
        if not rows:
            return
        for row in rows:
            yield _decode(row.body)
        after = rows[-1].sequence


def verify(engine: sa.Engine, anchored: Anchored = UNANCHORED) -> Verified:
    """Read the whole journal: numbering, chain, anchors, and that columns say what bodies say."""

    def read(query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with in_workflow(), engine.connect() as connection:
            return connection.execute(query).all()

    return verify_journal(STORE, JOURNAL, read, _agrees, anchored)


def _agrees(row: sa.Row[Any]) -> bool:
    entry = _decode(row.body)
    columns = (row.lead_id, row.sequence, bytes(row.event_key))
    return columns == (entry.lead_id, entry.sequence, event_key(entry.lead_id, entry.event.id))
