"""The audit trail searched: newest first, a page at a time, or streamed in its own order."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from decisions.audit.tables import AUDIT
from domain.decisions import DecisionQuery, DecisionRecord
from domain.errors import BadInput

LARGEST_PAGE = 1_000
CHUNK = 500
LOOKED_AT = 20_000
"""Entries that are read for one page at most: a page may be short, and its cursor goes on."""
LONGEST_CURSOR = 18

RowReader = Callable[[sa.Select[Any]], Sequence[sa.Row[Any]]]
_decoder = msgspec.json.Decoder(DecisionRecord)


class TrailEntry(NamedTuple):
    """A decision and its place in the trail."""

    sequence: int
    record: DecisionRecord


class TrailPage(NamedTuple):
    """Entries, newest first; `cursor` asks for the next page, None where there is none."""

    entries: list[TrailEntry]
    cursor: str | None


def search(read: RowReader, query: DecisionQuery, limit: int, after: str | None) -> TrailPage:
    """A page of the newest decisions that fit, before the cursor.

    Raises BadInput where limit or cursor are none, and whatever `read` raises.
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise BadInput(f"limit is {limit}, must be 1 to {LARGEST_PAGE}", rule="page-limit")
    before, entries = _sequence(after), list[TrailEntry]()
    for size in _sizes(limit):
        chunk = _entries(read, query, before, size)
        for entry in chunk:
            before = entry.sequence
            if not _fits(query, entry.record):
                continue
            if len(entries) == limit:
                return TrailPage(entries, str(entries[-1].sequence))
            entries.append(entry)
        if len(chunk) < size:
            return TrailPage(entries, None)
    return TrailPage(entries, str(before))


def stream(read: RowReader, query: DecisionQuery, through: int) -> Iterator[TrailEntry]:
    """All that fit, oldest first, up to the entry of this number."""
    a, start = AUDIT.c, 1
    select = sa.select(a.sequence, a.body).where(a.sequence <= through, *_conditions(query))
    while chunk := read(select.where(a.sequence >= start).order_by(a.sequence).limit(CHUNK)):
        for row in chunk:
            entry = TrailEntry(int(row.sequence), _decoder.decode(row.body))
            if _fits(query, entry.record):
                yield entry
        start = chunk[-1].sequence + 1


def following(read: RowReader, after: int, limit: int) -> list[TrailEntry]:
    """The next decisions behind the entry of this number, oldest first."""
    a = AUDIT.c
    query = sa.select(a.sequence, a.body).where(a.sequence > after).order_by(a.sequence)
    rows = read(query.limit(min(limit, LARGEST_PAGE)))
    return [TrailEntry(int(row.sequence), _decoder.decode(row.body)) for row in rows]


def _sizes(limit: int) -> Iterator[int]:
    """Rows of each look: a page first, as what columns tell is often enough, then many."""
    size, left = min(limit + 1, LOOKED_AT), LOOKED_AT
    while left:
        yield size
        left -= size
        size = min(CHUNK, left)


def _entries(
    read: RowReader, query: DecisionQuery, before: int | None, size: int
) -> list[TrailEntry]:
    a = AUDIT.c
    select = sa.select(a.sequence, a.body).where(*_conditions(query))
    if before is not None:
        select = select.where(a.sequence < before)
    rows = read(select.order_by(a.sequence.desc()).limit(size))
    return [TrailEntry(int(row.sequence), _decoder.decode(row.body)) for row in rows]


def _sequence(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= LONGEST_CURSOR):
        raise BadInput("invalid cursor", rule="page-cursor")
    return int(cursor)


def _conditions(query: DecisionQuery) -> Iterator[sa.ColumnElement[bool]]:
    """What the trail's columns can tell."""
    a = AUDIT.c
    if query.leads is not None:
        yield a.lead_id.in_(query.leads)
    if query.accounts is not None:
        yield a.account_id.in_(query.accounts)
    if query.since_us is not None:
        yield a.decided_us >= query.since_us
    if query.until_us is not None:
        yield a.decided_us < query.until_us
    for column, wanted in ((a.model, query.version), (a.grade, query.grade)):
        if wanted is not None:
            yield column == wanted


def _fits(query: DecisionQuery, record: DecisionRecord) -> bool:
    """What only the record itself can tell."""
    answer = record.answer
    return (
        query.policy in (None, answer.versions.policy)
        and query.action in (None, answer.decision.action)
        and (query.rule is None or query.rule in answer.decision.rules)
    )
