"""Who overrode the policy for whom, why, until when: append-only, each entry hashed over the last.

It stands beside the audit trail, in the same database, with a chain of its own. A lead or an
account has one override at a time; it ends by its expiry, or by an entry that withdraws it.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from domain.clock import Clock, to_us
from domain.decisions import DecisionChange
from domain.errors import Missing, Refused
from domain.verification import UNANCHORED, Anchored, Verified
from storage.append_only import append_only
from storage.chained_journal import CHUNK, newest_link, verify_journal
from storage.hash_chain import link
from storage.migrations import migrate
from storage.sql import answering, take_write_lock

OVERRIDES = "overrides"
MOST_IN_FORCE = 10_000
"""So many overrides may be in force at once: they are looked up at every decision."""
_LOCK = 7_310_871
"""PostgreSQL's advisory lock that stands for the right to append."""
_answering = partial(answering, "the journal of overrides", rule="audit-available")

METADATA = sa.MetaData()
ENTRIES = sa.Table(
    "override_journal",
    METADATA,
    sa.Column(
        "sequence",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("until_us", sa.BigInteger, nullable=False),
    sa.Column("withdraws", sa.BigInteger, unique=True),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("override_journal_until", "until_us", "sequence"),
)
"""One row an entry, numbered from 1 without gaps. `body` is the entry as JSON, and what is hashed.
An override is withdrawn once; `until_us` of an entry that withdraws is 0."""

_TAKEN = "SELECT 1 FROM override_journal WHERE sequence = NEW.sequence"
GUARDS = append_only(
    "override_journal",
    "the journal of overrides",
    f"EXISTS ({_TAKEN} OR withdraws = NEW.withdraws)",
)


class OverrideDraft(msgspec.Struct, frozen=True, kw_only=True):
    """An override, or that one is withdrawn; that is to be recorded.

    `subjects` are the id of the lead, or the ids that the account is known by. It holds for
    decisions from `from_us` to `until_us`, which is not included. Of one that `withdraws` another,
    by its number, `subjects` and `change` are empty, and `from_us` is the moment from which that
    one does not hold, 0 before it was kept. `by` is the name that was given, `credential` what its
    author was known by, "" before it was kept.
    """

    of: Literal["lead", "account"]
    subjects: tuple[str, ...] = ()
    change: DecisionChange = DecisionChange()
    from_us: int = 0
    until_us: int = 0
    withdraws: int | None = None
    reason: str
    by: str
    credential: str = ""


class OverrideEntry(OverrideDraft, frozen=True, kw_only=True):
    """A recorded entry: its number from 1, and when it was recorded, in microseconds since 1970."""

    sequence: int
    at_us: int


class OverrideJournal:
    """The record in one database. Every method may raise Unavailable."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        """Make the table where it is missing."""
        self._engine = engine
        self._clock = clock
        with _answering():
            migrate(engine, "overrides", METADATA)
            with engine.begin() as connection:
                for guard in GUARDS[engine.dialect.name]:
                    connection.exec_driver_sql(guard)

    def append(self, draft: OverrideDraft) -> OverrideEntry:
        """Record an entry, durably.

        Raises Refused where one is in force for it, there are too many, or it is withdrawn.
        """
        try:
            with _answering(), self._engine.begin() as connection:
                take_write_lock(connection, _LOCK)
                if draft.withdraws is None:
                    _refuse_second(draft, _in_force(connection, draft.from_us))
                return self._append(connection, draft)
        except sa.exc.IntegrityError as bad:  # pragma: no cover the check before it says so
            raise _withdrawn(draft.withdraws or 0) from bad

    def newest(self) -> int:
        """The number of the newest entry, 0 where there is none."""
        return int(self._read(sa.select(sa.func.max(ENTRIES.c.sequence)))[0][0] or 0)

    def in_force(self, now_us: int) -> list[OverrideEntry]:
        """Overrides that have not ended at a moment, the oldest first."""
        with _answering(), self._engine.connect() as connection:
            return _in_force(connection, now_us)

    def entry(self, number: int) -> OverrideEntry:
        """One entry. Raises Missing."""
        rows = self._read(sa.select(ENTRIES.c.body).where(ENTRIES.c.sequence == number))
        if not rows:
            raise Missing(
                f"no override has the number {number}",
                rule="override-known",
                todo="`leadscore policy override list` shows those in force.",
            )
        return _decoder.decode(rows[0].body)

    def entries(self) -> Iterator[OverrideEntry]:
        """All entries, the oldest first."""
        query, after = sa.select(ENTRIES.c.sequence, ENTRIES.c.body), 0
        query = query.order_by(ENTRIES.c.sequence).limit(CHUNK)
        while rows := self._read(query.where(ENTRIES.c.sequence > after)):
            yield from (_decoder.decode(row.body) for row in rows)
            after = int(rows[-1].sequence)

    def withdrawn_us(self, number: int) -> int | None:
        """When an override was withdrawn; None where it was not."""
        rows = self._read(sa.select(ENTRIES.c.body).where(ENTRIES.c.withdraws == number))
        return _decoder.decode(rows[0].body).at_us if rows else None

    def verify(self, anchored: Anchored = UNANCHORED) -> Verified:
        """Read the whole record: numbering and chain, by itself and by its anchors."""
        return verify_journal(OVERRIDES, ENTRIES, self._read, _agrees, anchored)

    def _append(self, connection: sa.Connection, draft: OverrideDraft) -> OverrideEntry:
        sequence, previous = newest_link(connection, ENTRIES)
        if draft.withdraws is not None:
            earlier = sa.select(ENTRIES.c.sequence).where(ENTRIES.c.withdraws == draft.withdraws)
            if connection.execute(earlier).first() is not None:
                raise _withdrawn(draft.withdraws)
        fields = {**msgspec.structs.asdict(draft), "sequence": sequence + 1}
        entry = OverrideEntry(**fields, at_us=to_us(self._clock.now()))
        body = msgspec.json.encode(entry)
        row: dict[str, Any] = {
            "sequence": entry.sequence,
            "until_us": entry.until_us,
            "withdraws": entry.withdraws,
        }
        row |= {"previous": previous, "hash": link(previous, body), "body": body}
        connection.execute(ENTRIES.insert().values(row))
        return entry

    def _read(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with _answering(), self._engine.connect() as connection:
            return connection.execute(query).all()


_decoder = msgspec.json.Decoder(OverrideEntry)


def _in_force(connection: sa.Connection, now_us: int) -> list[OverrideEntry]:
    withdrawals = sa.select(ENTRIES.c.withdraws).where(ENTRIES.c.withdraws.is_not(None))
    query = (
        sa.select(ENTRIES.c.body)
        .where(ENTRIES.c.until_us > now_us, ENTRIES.c.sequence.not_in(withdrawals))
        .order_by(ENTRIES.c.sequence)
        .limit(MOST_IN_FORCE)
    )
    return [_decoder.decode(row.body) for row in connection.execute(query)]


def _refuse_second(draft: OverrideDraft, entries: Sequence[OverrideEntry]) -> None:
    if len(entries) >= MOST_IN_FORCE:
        raise Refused(
            f"{MOST_IN_FORCE:,} overrides are in force already",
            rule="overrides-bounded",
            todo="Make a rule of the policy of them.",
        )
    for entry in entries:
        if entry.of == draft.of and set(entry.subjects) & set(draft.subjects):
            raise Refused(
                f"override {entry.sequence} is in force for this {draft.of}",
                rule="override-once",
                todo=f"Withdraw it first: `leadscore policy override withdraw {entry.sequence}`.",
            )


def _agrees(row: sa.Row[Any]) -> bool:
    entry = _decoder.decode(row.body)
    columns = (row.until_us, row.withdraws, row.sequence)
    return columns == (entry.until_us, entry.withdraws, entry.sequence)


def _withdrawn(number: int) -> Refused:
    return Refused(
        f"override {number} is withdrawn already",
        rule="override-open",
        todo="`leadscore policy override list` shows those in force.",
    )
