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


class _Policy(msgspec.Struct):
    policy: str


class _Action(msgspec.Struct):
    action: str
    rules: tuple[str, ...]


class _Routing(msgspec.Struct):
    versions: _Policy
    decision: _Action


class _RoutingRecord(msgspec.Struct):
    """Of a record, what is compared when decisions are searched."""

    answer: _Routing


_routing = msgspec.json.Decoder(_RoutingRecord)


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
    within = _within(read, query)
    if within is None:
        return TrailPage(entries, None)
    for size in _sizes(limit):
        chunk = _entries(read, [*_conditions(query), *within], before, size)
        for row in chunk:
            before = int(row.sequence)
            if not _fits(query, row.body):
                continue
            if len(entries) == limit:
                return TrailPage(entries, str(entries[-1].sequence))
            entries.append(TrailEntry(before, _decoder.decode(row.body)))
        if len(chunk) < size:
            return TrailPage(entries, None)
    return TrailPage(entries, str(before))


def stream(read: RowReader, query: DecisionQuery, through: int) -> Iterator[TrailEntry]:
    """All that fit, oldest first, up to the entry of this number."""
    a, start = AUDIT.c, 1
    select = sa.select(a.sequence, a.body).where(a.sequence <= through, *_conditions(query))
    while chunk := read(select.where(a.sequence >= start).order_by(a.sequence).limit(CHUNK)):
        for row in chunk:
            if _fits(query, row.body):
                yield TrailEntry(int(row.sequence), _decoder.decode(row.body))
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


def _within(read: RowReader, query: DecisionQuery) -> list[sa.ColumnElement[bool]] | None:
    """Between which entries those of a span of time are; None where there are none.

    Moments nearly ascend with the trail, and an index has both: without this, the rows of all that
    was decided later would be read, which hold the records.
    """
    moments = list(_moments(query))
    if not moments or query.leads is not None or query.accounts is not None:
        return []
    a = AUDIT.c
    ends = sa.select(sa.func.min(a.sequence), sa.func.max(a.sequence)).where(*moments)
    first, last = tuple(read(ends)[0])
    return None if first is None else [a.sequence >= first, a.sequence <= last]


def _entries(
    read: RowReader, conditions: Sequence[sa.ColumnElement[bool]], before: int | None, size: int
) -> Sequence[sa.Row[Any]]:
    a = AUDIT.c
    select = sa.select(a.sequence, a.body).where(*conditions)
    if before is not None:
        select = select.where(a.sequence < before)
    return read(select.order_by(a.sequence.desc()).limit(size))


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
    yield from _moments(query)
    for column, wanted in ((a.model, query.version), (a.grade, query.grade)):
        if wanted is not None:
            yield column == wanted


def _moments(query: DecisionQuery) -> Iterator[sa.ColumnElement[bool]]:
    if query.since_us is not None:
        yield AUDIT.c.decided_us >= query.since_us
    if query.until_us is not None:
        yield AUDIT.c.decided_us < query.until_us


def _fits(query: DecisionQuery, body: bytes) -> bool:
    """What only the record itself can tell: a part of it is read, and nothing where all fits."""
    if query.policy is None and query.action is None and query.rule is None:
        return True
    answer = _routing.decode(body).answer
    return (
        query.policy in (None, answer.versions.policy)
        and query.action in (None, answer.decision.action)
        and (query.rule is None or query.rule in answer.decision.rules)
    )
