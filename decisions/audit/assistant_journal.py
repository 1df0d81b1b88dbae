"""What assistants asked and proposed: an append-only record, each entry hashed over the one before.

It stands beside the audit trail, in the same database, with a chain of its own: a tool's call is
no decision, and the trail of decisions does not wait for it.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from domain.clock import Clock, to_us
from domain.errors import BadInput, Missing, Refused
from domain.verification import UNANCHORED, Anchored, Verified
from storage.append_only import append_only
from storage.chained_journal import newest_link, verify_journal
from storage.hash_chain import link
from storage.migrations import migrate
from storage.sql import answering, take_write_lock

JOURNAL = "assistants"
LARGEST_PAGE = 500
_LOCK = 7_310_869
"""PostgreSQL's advisory lock that stands for the right to append."""
_answering = partial(answering, "the journal of assistants", rule="audit-available")

METADATA = sa.MetaData()
ENTRIES = sa.Table(
    "assistant_journal",
    METADATA,
    sa.Column(
        "sequence",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("resolves", sa.BigInteger, unique=True),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("assistant_journal_kind", "kind", "sequence"),
)
"""One row an entry, numbered from 1 without gaps. `body` is the entry as JSON, and what is hashed.
A proposal is resolved once: `resolves` is unique."""

_TAKEN = "SELECT 1 FROM assistant_journal WHERE sequence = NEW.sequence"
GUARDS = append_only(
    "assistant_journal",
    "the journal of assistants",
    f"EXISTS ({_TAKEN} OR resolves = NEW.resolves)",
)

EntryKind = Literal["call", "proposal", "resolution"]


class JournalDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A call, a proposal, or what a person made of a proposal; that is to be recorded.

    `caller` is what the caller is known by, as in the ledger. `arguments` are those of the call
    without personal data: texts without addresses and numbers, of objects the names alone.
    `outcome` is `ok`, or the rule that the call broke; of a resolution `accepted` or `refused`.
    `personal` says that the caller was shown personal data. `document` is what is proposed.
    """

    kind: EntryKind
    caller: str
    tool: str
    outcome: str
    transport: str = ""
    arguments: dict[str, Any] = {}
    took_us: int = 0
    personal: bool = False
    document: dict[str, Any] = {}
    resolves: int | None = None
    reason: str = ""


class JournalEntry(JournalDraft, frozen=True, kw_only=True):
    """A recorded entry: its number from 1, and when it was recorded, in microseconds since 1970."""

    sequence: int
    at_us: int


class AssistantJournal:
    """The record in one database. Every method may raise Unavailable."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        """Make the table where it is missing."""
        self._engine = engine
        self._clock = clock
        with _answering():
            migrate(engine, "assistants", METADATA)
            with engine.begin() as connection:
                for guard in GUARDS[engine.dialect.name]:
                    connection.exec_driver_sql(guard)

    def append(self, draft: JournalDraft) -> JournalEntry:
        """Record an entry, durably. Raises Refused where a proposal is resolved already."""
        try:
            with _answering(), self._engine.begin() as connection:
                take_write_lock(connection, _LOCK)
                return self._append(connection, draft)
        except sa.exc.IntegrityError as bad:  # pragma: no cover the check before it says so
            raise _resolved() from bad

    def entries(
        self, limit: int, before: int | None = None, kind: EntryKind | None = None
    ) -> list[JournalEntry]:
        """The newest entries, the newest first, at most LARGEST_PAGE; those before a number."""
        if not 1 <= limit <= LARGEST_PAGE:
            raise BadInput(f"limit is {limit}, must be 1 to {LARGEST_PAGE}", rule="page-limit")
        query = sa.select(ENTRIES.c.body).order_by(ENTRIES.c.sequence.desc()).limit(limit)
        if before is not None:
            query = query.where(ENTRIES.c.sequence < before)
        if kind is not None:
            query = query.where(ENTRIES.c.kind == kind)
        return [_decoder.decode(row.body) for row in self._read(query)]

    def pending(self, limit: int) -> list[JournalEntry]:
        """The newest proposals that nobody resolved, the newest first."""
        done = sa.select(ENTRIES.c.resolves).where(ENTRIES.c.resolves.is_not(None))
        query = sa.select(ENTRIES.c.body).where(
            ENTRIES.c.kind == "proposal", ENTRIES.c.sequence.not_in(done)
        )
        rows = self._read(query.order_by(ENTRIES.c.sequence.desc()).limit(limit))
        return [_decoder.decode(row.body) for row in rows]

    def proposal(self, number: int) -> JournalEntry:
        """A proposal that waits. Raises Missing; Refused where it is resolved."""
        kept = sa.select(ENTRIES.c.body).where(
            ENTRIES.c.sequence == number, ENTRIES.c.kind == "proposal"
        )
        rows = self._read(kept)
        if not rows:
            raise Missing(
                f"no proposal has the number {number}",
                rule="proposal-known",
                todo="`leadscore proposals list` shows those that wait.",
            )
        if self._read(sa.select(ENTRIES.c.sequence).where(ENTRIES.c.resolves == number)):
            raise _resolved()
        return _decoder.decode(rows[0].body)

    def verify(self, anchored: Anchored = UNANCHORED) -> Verified:
        """Read the whole record: numbering and chain, by itself and by its anchors."""
        return verify_journal(JOURNAL, ENTRIES, self._read, _agrees, anchored)

    def _append(self, connection: sa.Connection, draft: JournalDraft) -> JournalEntry:
        sequence, previous = newest_link(connection, ENTRIES)
        if draft.resolves is not None:
            earlier = sa.select(ENTRIES.c.sequence).where(ENTRIES.c.resolves == draft.resolves)
            if connection.execute(earlier).first() is not None:
                raise _resolved()
        fields = {**msgspec.structs.asdict(draft), "sequence": sequence + 1}
        entry = JournalEntry(**fields, at_us=to_us(self._clock.now()))
        body = msgspec.json.encode(entry)
        row: dict[str, Any] = {
            "sequence": entry.sequence,
            "kind": draft.kind,
            "resolves": draft.resolves,
        }
        row |= {"previous": previous, "hash": link(previous, body), "body": body}
        connection.execute(ENTRIES.insert().values(row))
        return entry

    def _read(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with _answering(), self._engine.connect() as connection:
            return connection.execute(query).all()


_decoder = msgspec.json.Decoder(JournalEntry)


def _agrees(row: sa.Row[Any]) -> bool:
    entry = _decoder.decode(row.body)
    columns = (row.kind, row.resolves, row.sequence)
    return columns == (entry.kind, entry.resolves, entry.sequence)


def _resolved() -> Refused:
    return Refused(
        "the proposal is resolved already",
        rule="proposal-open",
        todo="`leadscore proposals list` shows those that wait.",
    )
