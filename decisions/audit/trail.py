"""The audit trail: every decision, in order, each entry hashed over the one before."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from decisions.audit.best_of_accounts import AccountStanding, standings
from decisions.audit.ranking import Page, page
from decisions.audit.search import TrailEntry, TrailPage, following, search, stream
from decisions.audit.slim_records import Numbered, decoded
from decisions.audit.tables import AUDIT, RANKING, REQUESTS, guards_of
from decisions.audit.verification import CHUNK, columns_of, record_of, verify_stores
from domain.decisions import DecisionQuery, DecisionRecord
from domain.errors import BadInput, Missing, Refused, Unavailable
from domain.verification import Anchored, Head, Verified
from storage.driver_connections import DriverConnections
from storage.hash_chain import GENESIS, link
from storage.sql import lock_statement

_LOCK = 7_310_868
"""PostgreSQL's advisory lock that stands for the right to append."""
_RANKED = ("lead_id", "sequence", "decided_us", "score", "grade", "queue", "eligible")

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(DecisionRecord)

T = TypeVar("T")
TrailRow = dict[str, object]


TrailHead = Head
"""An entry's place and hash. Kept elsewhere, it proves that nothing up to it was replaced."""


class TrailVerification(msgspec.Struct, frozen=True, kw_only=True):
    """How many entries were read, and the sequence of the first that does not fit, or None."""

    count: int
    broken: int | None


AT_ONCE = 2_000
"""Entries of a batch: bounds memory."""
AnchorCallback = Callable[[TrailHead], None]
EVERY = 1_000
"""After so many decisions somebody is told where the chain stands."""


def unheard(_newest: TrailHead) -> None:
    """Nobody listens."""


class AuditTrail:
    """Satisfies `domain.ports.DecisionLog` over the tables of `decisions.audit.tables`.

    Safe to use from many threads and, with an engine each, many processes: entries are numbered
    under the database's write lock. How durable a commit is, the engine's settings say.
    """

    def __init__(
        self, engine: sa.Engine, wait_s: float = -1, on_append: AnchorCallback = unheard
    ) -> None:
        """`wait_s` bounds the wait for another thread's turn, -1 for no bound.

        How long another process's lock is waited for, the engine's settings say. `on_append` is
        called with the newest entry every `EVERY` entries, once it is on disk.
        """
        self._on_append = on_append
        guards_of(engine)
        self._engine = engine
        self._connections = DriverConnections(engine)
        self._wait_s = wait_s
        self._lock = threading.Lock()  # waiting for SQLite's own lock means sleeping
        self._begin = lock_statement(engine.dialect.name, _LOCK)
        newest = sa.select(AUDIT.c.sequence, AUDIT.c.hash).order_by(AUDIT.c.sequence.desc())
        self._newest = newest.limit(1)
        self._newest_sql = str(
            self._newest.compile(dialect=engine.dialect, compile_kwargs={"literal_binds": True})
        )
        self._insert = _prepare(AUDIT.insert(), engine.dialect)
        self._rank = _prepare(_ranking(engine.dialect.name), engine.dialect)
        self._request = _prepare(REQUESTS.insert(), engine.dialect)

    def append(self, records: Sequence[DecisionRecord]) -> None:
        """Record decisions, all or none, in this order.

        NaN among features and facts is kept as None. Raises Unavailable; BadInput where a number
        that must be one is none; Refused where a decision id, or the key of a request, is recorded
        already.
        """
        if not records:
            return
        rows = [_row(record) for record in records]
        with self._turn(), self._writing() as cursor:
            cursor.execute(self._newest_sql)
            sequence, digest = cursor.fetchone() or (0, GENESIS)
            first = sequence
            for row in rows:
                sequence += 1
                following = link(digest, row["body"])  # type: ignore[arg-type]
                row.update(sequence=sequence, previous=digest, hash=following)
                digest = following
            for sql, shape in (self._insert, self._rank):
                cursor.executemany(sql, [shape(row) for row in rows])
            keyed = [row for row in rows if row["request_key"]]
            if keyed:
                cursor.executemany(self._request[0], [self._request[1](row) for row in keyed])
        if sequence // EVERY != first // EVERY:
            self._on_append(TrailHead(sequence=sequence, hash=digest))

    @staticmethod
    def check(records: Sequence[DecisionRecord]) -> None:
        """Raise BadInput where a number that must be one is none."""
        for record in records:
            _row(record)

    def get(self, decision_id: str) -> DecisionRecord:
        """One decision. Raises Missing; Unavailable."""
        bodies = self._read(sa.select(AUDIT.c.body).where(AUDIT.c.decision_id == decision_id))
        if not bodies:
            raise Missing("no decision has that id", rule="decision-known")
        return _decoder.decode(bodies[0].body)

    def answered(self, keys: Sequence[str]) -> dict[str, DecisionRecord]:
        """By key, the decisions that requests of these keys were answered with. Unavailable."""
        query = sa.select(REQUESTS.c.request_key, AUDIT.c.body).join(
            AUDIT, AUDIT.c.decision_id == REQUESTS.c.decision_id
        )
        rows = self._read(query.where(REQUESTS.c.request_key.in_(keys)))
        records = [(row.request_key, _decoder.decode(row.body)) for row in rows]
        return {k: record for k, record in records if record.request and record.request.key == k}

    def of_lead(self, lead_id: str, limit: int = 100) -> list[DecisionRecord]:
        """A lead's decisions, newest first, at most so many. Raises Unavailable."""
        query = sa.select(AUDIT.c.body).where(AUDIT.c.lead_id == lead_id)
        bodies = self._read(query.order_by(AUDIT.c.sequence.desc()).limit(limit))
        return [_decoder.decode(row.body) for row in bodies]

    def records(self, since_us: int | None = None) -> Iterator[DecisionRecord]:
        """All decisions made at that moment or later, in the order of the trail.

        Raises Unavailable, at any step.
        """
        query, start = sa.select(AUDIT.c.sequence, AUDIT.c.body), 1
        if since_us is not None:
            query = query.where(AUDIT.c.decided_us >= since_us)
            first = sa.select(sa.func.min(AUDIT.c.sequence)).where(AUDIT.c.decided_us >= since_us)
            start = self._read(first)[0][0] or 1
        for row in self._stream(query, start):
            yield _decoder.decode(row.body)

    def batches(self) -> Iterator[list[Numbered]]:
        """All decisions with their features, in the order of the trail, `AT_ONCE` at a time.

        Raises Unavailable, at any step.
        """
        query, start = sa.select(AUDIT.c.sequence, AUDIT.c.body), 1
        for rows in self._chunks(query, start, AT_ONCE):
            yield decoded([(row.sequence, row.body) for row in rows])

    def batches_of(
        self, decode: Callable[[bytes], T], since_us: int | None = None
    ) -> Iterator[list[T]]:
        """All decisions made at that moment or later, as `decode` reads them, `AT_ONCE` at a time.

        Raises Unavailable, at any step.
        """
        query, start = sa.select(AUDIT.c.sequence, AUDIT.c.body), 1
        if since_us is not None:
            query = query.where(AUDIT.c.decided_us >= since_us)
        for rows in self._chunks(query, start, AT_ONCE):
            yield [decode(row.body) for row in rows]

    def entries(self, sequences: Sequence[int]) -> Iterator[Numbered]:
        """The decisions of these numbers, ascending. Raises Unavailable, at any step."""
        ordered = sorted(sequences)
        for at in range(0, len(ordered), CHUNK):
            chosen = AUDIT.c.sequence.in_(ordered[at : at + CHUNK])
            query = sa.select(AUDIT.c.sequence, AUDIT.c.body).where(chosen)
            rows = self._read(query.order_by(AUDIT.c.sequence))
            yield from decoded([(row.sequence, row.body) for row in rows])

    def latest(
        self,
        limit: int = 50,
        *,
        after: str | None = None,
        grade: str | None = None,
        queue: str | None = None,
        min_score: float | None = None,
        accounts: Sequence[str] | None = None,
        eligible: bool | None = None,
    ) -> Page:
        """Leads by the score of their newest decision, highest first, then by lead id.

        `accounts`, `eligible`: only of these accounts, of what the policy said of them.
        `after` is the cursor of the page before. A lead that is decided anew between two pages
        may be met twice or not at all; the others are met once. Raises BadInput; Unavailable.
        """
        return page(
            self._read,
            limit,
            after,
            grade=grade,
            queue=queue,
            min_score=min_score,
            accounts=accounts,
            eligible=eligible,
        )

    def standings(self, accounts: Sequence[str]) -> dict[str, AccountStanding]:
        """How the leads of accounts stand, by account. Raises Unavailable."""
        return standings(self._read, accounts)

    def search(self, query: DecisionQuery, limit: int = 50, after: str | None = None) -> TrailPage:
        """The newest decisions that fit, before the cursor. Raises BadInput; Unavailable."""
        return search(self._read, query, limit, after)

    def stream(self, query: DecisionQuery, through: int) -> Iterator[TrailEntry]:
        """All decisions that fit, oldest first, up to that entry. Raises Unavailable."""
        return stream(self._read, query, through)

    def following(self, after: int, limit: int) -> list[TrailEntry]:
        """The next decisions behind that entry, oldest first. Raises Unavailable."""
        return following(self._read, after, limit)

    def head(self) -> TrailHead | None:
        """The newest entry; None where there is none. Raises Unavailable."""
        heads = self._read(self._newest)
        return TrailHead(sequence=heads[0].sequence, hash=heads[0].hash) if heads else None

    def verify(self, anchor: TrailHead | None = None) -> TrailVerification:
        """Read the whole trail: numbering, chain, and that columns say what bodies say.

        Without an `anchor`, entries cut off at the end go unnoticed: nothing follows them.
        """
        count, expected = 0, GENESIS
        for row in self._stream(sa.select(AUDIT), 1):
            count += 1
            entry = row._mapping
            kept = anchor is None or anchor.sequence != count or anchor.hash == entry["hash"]
            if not kept or entry["sequence"] != count or record_of(entry, expected) is None:
                return TrailVerification(count=count, broken=count)
            expected = entry["hash"]
        cut = anchor is not None and anchor.sequence > count
        return TrailVerification(count=count, broken=count + 1 if cut else None)

    def verify_all(self, anchored: Anchored) -> list[Verified]:
        """Trail, requests and ranking, each against all that is known of it. Raises Unavailable."""
        return verify_stores(self._read, anchored)

    def _read(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).all()
        except sa.exc.SQLAlchemyError as bad:
            raise _unavailable() from bad

    def _stream(self, query: sa.Select[Any], start: int) -> Iterator[sa.Row[Any]]:
        for chunk in self._chunks(query, start, CHUNK):
            yield from chunk

    def _chunks(
        self, query: sa.Select[Any], start: int, size: int
    ) -> Iterator[Sequence[sa.Row[Any]]]:
        query = query.order_by(AUDIT.c.sequence).limit(size)
        while chunk := self._read(query.where(AUDIT.c.sequence >= start)):
            yield chunk
            start = chunk[-1].sequence + 1

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=self._wait_s):
            raise _unavailable()
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        # the driver's own cursor: a statement through the engine costs four times as much
        driver: Any = self._engine.dialect.dbapi
        try:
            with self._connections.cursor() as cursor:
                cursor.execute(self._begin)
                yield cursor
                cursor.connection.commit()
        except driver.IntegrityError as bad:
            raise Refused("the decision is already recorded", rule="decision-once") from bad
        except (sa.exc.SQLAlchemyError, driver.Error) as bad:
            raise _unavailable() from bad


def _unavailable() -> Unavailable:
    return Unavailable("the audit trail did not answer", rule="audit-available", todo="Try again.")


def _row(record: DecisionRecord) -> TrailRow:
    answer, facts = record.answer, record.facts
    numbers = [answer.score, answer.percentile, answer.staleness_s, record.margin]
    numbers += [facts.score, facts.percentile, *record.shadow.values()]
    numbers += [reason.contribution for reason in answer.reasons]
    if not all(map(isfinite, numbers)):
        raise BadInput("a score, percentile, age or contribution is not a number", rule="finite")
    key = record.request.key if record.request is not None else ""
    return {**columns_of(record), "request_key": key, "body": _encoder.encode(record)}


def _ranking(dialect: str) -> sa.Insert:
    insert = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(RANKING)
    return insert.on_conflict_do_update(
        index_elements=[RANKING.c.lead_id],
        set_={name: insert.excluded[name] for name in _RANKED[1:]},
        where=insert.excluded.decided_us >= RANKING.c.decided_us,
    )


def _prepare(statement: sa.Insert, dialect: sa.Dialect) -> tuple[str, Callable[[TrailRow], object]]:
    """The driver's text of a statement, and what makes its parameters from a row."""
    compiled = statement.compile(dialect=dialect)
    order: Iterable[str] | None = compiled.positiontup
    if order is None:
        wanted = tuple(compiled.params)
        return str(compiled), lambda row: {name: row[name] for name in wanted}
    return str(compiled), lambda row: tuple(row[name] for name in order)
