"""The promotion ledger: append-only, hash-chained, in SQLite or PostgreSQL."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import msgspec
from sqlalchemy import Column, Connection, Engine, insert, inspect, select

from domain.clock import Clock, to_us
from domain.errors import BadInput
from registry.ledger_entry import GateResult, LedgerDraft, LedgerEntry, Registration
from registry.ledger_table import LEDGER, METADATA
from registry.rollout_decision import RolloutEvidence
from registry.rollout_state import Rollout
from storage.hash_chain import GENESIS, first_break, link
from storage.migrations import migrate
from storage.sql import answering, take_write_lock

LOCK_WAIT_S = 120.0
"""How long another's lock is waited for where nobody waits for an answer."""
_LOCK = 0x1EAD_5C0E
"""PostgreSQL's advisory lock that stands for the right to append."""

_BODY: tuple[Column[object], ...] = tuple(
    column for column in LEDGER.columns if column.name not in ("previous", "hash")
)
_Row = dict[str, object]
_answering = partial(answering, "the ledger's database", rule="ledger-available")


class _Detail(msgspec.Struct, frozen=True, omit_defaults=True):
    registration: Registration | None = None
    rollout: Rollout | None = None
    approves: int | None = None
    evidence: RolloutEvidence | None = None
    credential: str = ""


class LedgerWriter:
    """The sole right to append, for as long as `Ledger.exclusive` is open."""

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        credential: str,
        read: Callable[[Connection], list[LedgerEntry]],
    ) -> None:
        self._connection = connection
        self._credential = credential
        self._now = to_us(clock.now())  # what is written together happened at one moment
        self._read = read

    def entries(self) -> list[LedgerEntry]:
        """All entries, oldest first, those appended just now included."""
        return self._read(self._connection)

    def append(self, draft: LedgerDraft) -> LedgerEntry:
        """Record a change. Its time is never before that of the entry before it."""
        newest = select(LEDGER).order_by(LEDGER.c.sequence.desc()).limit(1)
        last = self._connection.execute(newest).mappings().first()
        row = _row(
            draft,
            sequence=1 if last is None else last["sequence"] + 1,
            at_us=self._now if last is None else max(self._now, last["at_us"]),
            credential=draft.credential or self._credential,
        )
        row["previous"] = GENESIS if last is None else last["hash"]
        row["hash"] = link(str(row["previous"]), _body(row))
        self._connection.execute(insert(LEDGER).values(row))
        return _entry(row)


class Ledger:
    """The ledger in the database of `engine`; its table is made where it is missing.

    `credential` is what the makers of changes through this object are known by; each entry has it.
    It reads the whole ledger once; afterwards what came since, and whether the newest entry that
    it knows is still there. `wait_s` bounds the wait for another's lock in SQLite; in PostgreSQL
    the engine does. Every method raises Unavailable where the database does not answer.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        credential: str = "",
        *,
        wait_s: float = LOCK_WAIT_S,
    ) -> None:
        self._engine = engine
        self._known: list[LedgerEntry] = []
        self._wait_s = wait_s
        self.credential = credential
        self._clock = clock
        with _answering():
            migrate(engine, "ledger", METADATA)

    @contextmanager
    def exclusive(self) -> Iterator[LedgerWriter]:
        """Keep every other process from appending; all appends commit on leaving, or none."""
        with self._writing() as connection:
            yield LedgerWriter(connection, self._clock, self.credential, self._read)

    def append(self, draft: LedgerDraft) -> LedgerEntry:
        """Record one change."""
        with self.exclusive() as writer:
            return writer.append(draft)

    def entries(self) -> list[LedgerEntry]:
        """All entries, oldest first."""
        with _answering(), self._engine.connect() as connection:
            return self._read(connection)

    def history(self, subject: str | None = None) -> list[LedgerEntry]:
        """The entries about one version, or all, oldest first."""
        return [e for e in self.entries() if subject is None or e.subject == subject]

    def verify(self) -> int | None:
        """The sequence number of the first entry that was altered, removed or put in, or None.

        Entries cut off at the end leave a chain that is whole: keep the last hash elsewhere
        (the cache's stages file does) to notice that too.
        """
        with _answering(), self._engine.connect() as connection:
            return _broken(_rows(connection))

    def _read(self, connection: Connection) -> list[LedgerEntry]:
        """All entries; of those known before, only the newest is read again."""
        known = self._known
        rows = _rows(connection, known[-1].sequence if known else 0)
        if known and (not rows or rows[0]["hash"] != known[-1].hash):
            # rolled back, or a backup was restored: what is known is another ledger's
            known, rows = [], _rows(connection)
        self._known = [*known, *(_entry(row) for row in (rows[1:] if known else rows))]
        return list(self._known)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _answering(), self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                yield from _immediate(connection, self._wait_s)
            else:
                with connection.begin():
                    take_write_lock(connection, _LOCK)
                    yield connection


def proven_entries(engine: Engine) -> list[LedgerEntry] | None:
    """All entries, oldest first, of a ledger that is only read; None where there is no ledger.

    Raises BadInput where an entry breaks the hash chain, Unavailable where the database does not
    answer or is none.
    """
    with _answering():
        if not inspect(engine).has_table(LEDGER.name):
            return None
        with engine.connect() as connection:
            rows = _rows(connection)
    broken = _broken(rows)
    if broken is not None:
        raise BadInput(f"entry {broken} breaks the hash chain", rule="ledger-chain")
    try:
        return [_entry(row) for row in rows]
    except msgspec.ValidationError as bad:
        raise BadInput("an entry cannot be read", rule="ledger-chain") from bad


def first_broken(engine: Engine) -> int | None:
    """The sequence number of the first entry that breaks the hash chain. Raises Unavailable."""
    with _answering(), engine.connect() as connection:
        return _broken(_rows(connection))


def _broken(rows: Sequence[_Row]) -> int | None:
    """The sequence number of the first row that does not fit."""
    at = first_break((str(r["previous"]), str(r["hash"]), _body(r)) for r in rows)
    gaps = (n for n, row in enumerate(rows) if row["sequence"] != n + 1)
    breaks = [n for n in (at, next(gaps, None)) if n is not None]
    return min(breaks) + 1 if breaks else None


def _immediate(connection: Connection, wait_s: float) -> Iterator[Connection]:
    """A transaction that has SQLite's write lock from its first moment, whatever the engine's."""
    connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.exec_driver_sql(f"PRAGMA busy_timeout={round(wait_s * 1000)}")
    if getattr(connection.connection.dbapi_connection, "in_transaction", False):
        connection.exec_driver_sql("ROLLBACK")
    take_write_lock(connection, _LOCK)
    try:
        yield connection
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def _rows(connection: Connection, first: int = 0) -> Sequence[_Row]:
    """The rows from the one of that sequence number on; all of them without."""
    ordered = select(LEDGER).order_by(LEDGER.c.sequence)
    if first:
        ordered = ordered.where(LEDGER.c.sequence >= first)
    return [dict(row) for row in connection.execute(ordered).mappings()]


def _row(draft: LedgerDraft, *, sequence: int, at_us: int, credential: str) -> _Row:
    detail = _Detail(draft.registration, draft.rollout, draft.approves, draft.evidence, credential)
    return {
        "sequence": sequence,
        "at_us": at_us,
        "kind": draft.kind,
        "subject": draft.subject,
        "from_stage": None if draft.from_stage is None else str(draft.from_stage),
        "to_stage": None if draft.to_stage is None else str(draft.to_stage),
        "made_by": draft.by,
        "reason": draft.reason,
        "gates": msgspec.json.encode(draft.gates).decode(),
        "rules": draft.rules,
        "overruled": draft.override,
        "detail": msgspec.json.encode(detail).decode(),
    }


def _body(row: _Row) -> bytes:
    """What the hash covers: the stored columns as they stand, so that old entries stay valid."""
    return msgspec.json.encode([row[column.name] for column in _BODY])


def _entry(row: _Row) -> LedgerEntry:
    detail = msgspec.json.decode(str(row["detail"]), type=_Detail)
    plain = {
        "kind": row["kind"],
        "subject": row["subject"],
        "by": row["made_by"],
        "reason": row["reason"],
        "from_stage": row["from_stage"],
        "to_stage": row["to_stage"],
        "rules": row["rules"],
        "override": row["overruled"],
        "sequence": row["sequence"],
        "at_us": row["at_us"],
        "hash": row["hash"],
    }
    return msgspec.structs.replace(
        msgspec.convert(plain, LedgerEntry),
        gates=msgspec.json.decode(str(row["gates"]), type=tuple[GateResult, ...]),
        registration=detail.registration,
        rollout=detail.rollout,
        approves=detail.approves,
        evidence=detail.evidence,
        credential=detail.credential,
    )
