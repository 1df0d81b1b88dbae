"""The whole of the decision store, read and held against itself: trail, requests, ranking.

Memory holds some hundred decisions at a time; the ranking is compared by the database.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from decisions.audit.ranking import RowReader
from decisions.audit.tables import AUDIT, RANKING, REQUESTS
from domain.decisions import DecisionRecord
from domain.verification import Anchored, Verified, cut_off
from storage.hash_chain import GENESIS, link

CHUNK = 500
"""Entries read at a time: each chunk is a read of its own, so that no long one holds up others."""
TRAIL, REQUESTED, RANKED = "trail", "requests", "ranking"

_decoder = msgspec.json.Decoder(DecisionRecord)


def verify_stores(read: RowReader, anchored: Anchored) -> list[Verified]:
    """The trail against its chain and anchors, requests and ranking against the trail."""
    last = read(sa.select(sa.func.max(AUDIT.c.sequence)))[0][0] or 0
    looking = _Trail(read, anchored)
    for chunk in _chunks(read, last):
        if not looking.take(chunk):
            break
    return [looking.trail(), looking.requests(), _ranking(read, last)]


class _Trail:
    """What was read of the trail so far."""

    def __init__(self, read: RowReader, anchored: Anchored) -> None:
        self._read, self._anchored = read, anchored
        self._count, self._hash = 0, GENESIS
        self._compared = 0
        self._fault = ""
        self._request: Verified | None = None

    def take(self, chunk: Sequence[sa.Row[Any]]) -> bool:
        """Read on; whether all fits so far."""
        expected: dict[str, tuple[str, int]] = {}
        for row in chunk:
            entry = row._mapping
            number = self._count + 1
            record = record_of(entry, self._hash)
            if entry["sequence"] != number:
                self._fault = f"entry {number} is missing"
            elif record is None:
                self._fault = f"entry {number} breaks the hash chain"
            elif self._anchored.get(number, entry["hash"]) != entry["hash"]:
                self._fault = f"entry {number} differs from the anchor"
            if self._fault or record is None:
                return False
            self._count, self._hash = number, entry["hash"]
            if record.request is not None:
                expected[record.request.key] = (record.answer.decision_id, number)
        self._compare(expected)
        return True

    def trail(self) -> Verified:
        if self._fault:
            broken = self._count + 1
            return Verified(store=TRAIL, count=self._count, broken=broken, fault=self._fault)
        return cut_off(TRAIL, self._count, self._anchored)

    def requests(self) -> Verified:
        if self._request is not None:
            return self._request
        kept = self._read(sa.select(sa.func.count()).select_from(REQUESTS))[0][0]
        # the trail's own fault says why others are left over
        more = kept > self._compared and not self._fault
        fault = f"{kept - self._compared} requests were never asked" if more else ""
        return Verified(store=REQUESTED, count=self._compared, fault=fault)

    def _compare(self, expected: dict[str, tuple[str, int]]) -> None:
        if not expected or self._request is not None:
            return
        query = sa.select(REQUESTS.c.request_key, REQUESTS.c.decision_id)
        rows = self._read(query.where(REQUESTS.c.request_key.in_(list(expected))))
        stored = {row.request_key: row.decision_id for row in rows}
        for key, (decision, number) in expected.items():
            if stored.get(key) != decision:
                fault = f"the request that entry {number} answered is altered or gone"
                self._request = Verified(
                    store=REQUESTED, count=self._compared, broken=number, fault=fault
                )
                return
            self._compared += 1


def _chunks(read: RowReader, last: int) -> Iterator[Sequence[sa.Row[Any]]]:
    """The trail as it stood when the look began."""
    query, start = sa.select(AUDIT).order_by(AUDIT.c.sequence).limit(CHUNK), 0
    query = query.where(AUDIT.c.sequence <= last)
    while chunk := read(query.where(AUDIT.c.sequence > start)):
        yield chunk
        start = chunk[-1].sequence


def _ranking(read: RowReader, last: int) -> Verified:
    """The ranking has each lead's newest decision, and nothing else."""
    a, r = AUDIT.c, RANKING.c
    count = read(sa.select(sa.func.count()).select_from(RANKING))[0][0]
    shared = ("lead_id", "decided_us", "score", "grade", "queue", "eligible")
    differs = sa.or_(a.sequence.is_(None), *(a[name] != r[name] for name in shared))
    other = sa.select(r.sequence).select_from(RANKING.outerjoin(AUDIT, a.sequence == r.sequence))
    other = other.where(differs, r.sequence <= last).order_by(r.sequence).limit(1)
    newer = sa.or_(
        r.lead_id.is_(None),
        a.decided_us > r.decided_us,
        sa.and_(a.decided_us == r.decided_us, a.sequence > r.sequence),
    )
    missing = sa.select(a.sequence).select_from(AUDIT.outerjoin(RANKING, a.lead_id == r.lead_id))
    missing = missing.where(newer, a.sequence <= last).order_by(a.sequence).limit(1)
    for query, fault in (
        (other, "its row of entry {} says what the trail does not"),
        (missing, "it does not have entry {}, or has an older one of that lead"),
    ):
        if rows := read(query):
            number = rows[0][0]
            return Verified(store=RANKED, count=count, broken=number, fault=fault.format(number))
    return Verified(store=RANKED, count=count)


def record_of(row: sa.RowMapping, expected: str) -> DecisionRecord | None:
    """The record of a row whose chain's last hash was `expected`; None where it does not fit."""
    body: object = row["body"]  # SQLite lets a forger put anything in any column
    if not isinstance(body, bytes) or row["previous"] != expected:
        return None
    if link(expected, body) != row["hash"]:
        return None
    try:
        record = _decoder.decode(body)
    except msgspec.DecodeError:
        return None
    fits = all(row[name] == value for name, value in columns_of(record).items())
    return record if fits else None


def columns_of(record: DecisionRecord) -> dict[str, object]:
    """What the columns beside a record repeat of it."""
    answer = record.answer
    return {
        "decision_id": answer.decision_id,
        "lead_id": answer.lead_id,
        "account_id": record.account_id,
        "decided_us": record.decided_us,
        "model": answer.versions.model,
        "arm": answer.arm,
        "score": answer.score,
        "grade": answer.grade,
        "eligible": answer.decision.eligible,
        "queue": answer.decision.queue,
    }
