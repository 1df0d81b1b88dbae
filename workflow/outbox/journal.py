"""The journal of effects: what people did to them, what agents saw, proposed and did.

Append-only, each entry hashed over the one before. It is in the workflow's database, so that an
entry and the change that it is about are one transaction.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from domain.clock import Clock, to_us
from domain.errors import BadInput
from domain.verification import UNANCHORED, Anchored, Verified
from storage.chained_journal import newest_link, verify_journal
from storage.hash_chain import link
from storage.sql import answering, take_write_lock
from workflow.outbox.tables import JOURNAL

STORE = "journal of effects"
LARGEST_PAGE = 500
LONGEST_REASON = 1_000
LOCK = 0x1EAD_0E44
"""PostgreSQL's advisory lock that stands for the right to append."""

JournalKind = Literal["retried", "dropped", "agent_run"]
in_workflow = partial(answering, "the workflow's database", rule="workflow-available")


class EffectsDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Something about an effect or an agent that is to be recorded.

    `subject` is the effect's key, or the agent's name; `by` who did it; `reason` why. `document`
    is what else there is to know, without personal data.
    """

    kind: JournalKind
    subject: str
    by: str
    reason: str = ""
    document: dict[str, Any] = {}


class EffectsEntry(EffectsDraft, frozen=True, kw_only=True):
    """A recorded entry: its number from 1, and when it was recorded, in microseconds since 1970."""

    sequence: int
    at_us: int


_decoder = msgspec.json.Decoder(EffectsEntry)


class EffectsJournal:
    """The record in one database, whose tables are there. Every method may raise Unavailable."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def append(self, draft: EffectsDraft) -> EffectsEntry:
        """Record an entry in a transaction of its own."""
        with in_workflow(), self._engine.begin() as connection:
            take_write_lock(connection, LOCK)
            return self.append_in(connection, draft)

    def append_in(self, connection: sa.Connection, draft: EffectsDraft) -> EffectsEntry:
        """Record an entry in a transaction that has the right to append: LOCK is taken."""
        sequence, previous = newest_link(connection, JOURNAL)
        entry = EffectsEntry(
            **msgspec.structs.asdict(draft),
            sequence=sequence + 1,
            at_us=to_us(self._clock.now()),
        )
        body = msgspec.json.encode(entry)
        row: dict[str, Any] = {"sequence": entry.sequence, "kind": entry.kind}
        row |= {"subject": entry.subject}
        row |= {"previous": previous, "hash": link(previous, body), "body": body}
        connection.execute(JOURNAL.insert().values(row))
        return entry

    def entries(
        self,
        limit: int,
        *,
        before: int | None = None,
        kind: JournalKind | None = None,
        subject: str | None = None,
    ) -> list[EffectsEntry]:
        """The newest entries, the newest first, at most LARGEST_PAGE; those before a number."""
        if not 1 <= limit <= LARGEST_PAGE:
            raise BadInput(f"limit is {limit}, must be 1 to {LARGEST_PAGE}", rule="page-limit")
        query = sa.select(JOURNAL.c.body).order_by(JOURNAL.c.sequence.desc()).limit(limit)
        if before is not None:
            query = query.where(JOURNAL.c.sequence < before)
        if kind is not None:
            query = query.where(JOURNAL.c.kind == kind)
        if subject is not None:
            query = query.where(JOURNAL.c.subject == subject)
        return [_decoder.decode(row.body) for row in self._read(query)]

    def verify(self, anchored: Anchored = UNANCHORED) -> Verified:
        """Read the whole record: numbering and chain, by itself and by its anchors."""
        return verify_journal(STORE, JOURNAL, self._read, _agrees, anchored)

    def _read(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with in_workflow(), self._engine.connect() as connection:
            return connection.execute(query).all()


def _agrees(row: sa.Row[Any]) -> bool:
    entry = _decoder.decode(row.body)
    columns = (row.kind, row.subject, row.sequence)
    return columns == (entry.kind, entry.subject, entry.sequence)


def checked_reason(reason: str) -> str:
    """A reason that was given. Raises BadInput for none, or one that is too long."""
    plain = reason.strip()
    if not plain or len(plain) > LONGEST_REASON:
        raise BadInput(
            f"a change needs a reason of 1 to {LONGEST_REASON:,} characters",
            rule="reason-given",
            todo="Give --reason TEXT.",
        )
    return plain
