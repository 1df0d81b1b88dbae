"""Where signals go that cannot be accepted: kept whole, with the rule they broke.

A document leaves once what it tells has come in, however that came: it is cured. An event is known
again by its source and id. A row of a table is known again by the source of its mapping and the
columns that name it there, or all of its text: the same row, taken in by a mended mapping.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b

import msgspec
from sqlalchemy import Connection, Engine, bindparam, delete, func, select, true

from domain.clock import iso
from domain.errors import Missing
from signals.store.event_keys import named_in
from signals.store.event_keys import row_keys as rows_of
from signals.store.tables import quarantine, quarantine_keys
from storage.sql import among, insert_into, write


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A document that was not accepted. `detail` holds no personal data; `body` may.

    It has come in once the log holds an event of one of its `keys`, or once a mapping makes an
    event of a row that one of its `row_keys` names (`signals.store.event_keys`). `source` is that
    of the mapping that rejected it, "" where none did; `counted` says that a quality gate has
    counted it.
    """

    rule: str
    detail: str
    origin: str
    line: int
    body: bytes
    keys: tuple[str, ...] = ()
    row_keys: tuple[str, ...] = ()
    source: str = ""
    counted: bool = False


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A quarantined document as listed: without its body."""

    id: str
    received: str
    origin: str
    line: int
    rule: str
    detail: str


def put(connection: Connection, rejected: Sequence[Rejected], now_us: int) -> int:
    """Keep rejected documents; the same one from the same line again is kept once. How many new."""
    if not rejected:
        return 0
    by_id = {_id(r): r for r in rejected}
    rows = [
        {
            "id": i,
            "received_us": now_us,
            "origin": r.origin,
            "line": r.line,
            "rule": r.rule,
            "detail": r.detail,
            "body": r.body,
        }
        for i, r in by_id.items()
    ]
    statement = insert_into(connection, quarantine).on_conflict_do_nothing()
    # not every driver counts the rows of many statements
    new = connection.execute(statement.returning(quarantine.c.id), rows).scalars().all()
    names = _names(by_id, new)
    write(connection, quarantine_keys, ("key", "id", "of_row"), names, conflict="leave")
    return len(new)


def _names(rejected: Mapping[str, Rejected], ids: Iterable[str]) -> list[tuple[str, str, bool]]:
    return [
        (key, i, of_row)
        for i in ids
        for keys, of_row in ((rejected[i].keys, False), (rejected[i].row_keys, True))
        for key in keys
    ]


def come_in(connection: Connection, keys: Sequence[str], bodies: Sequence[bytes]) -> dict[str, str]:
    """Which quarantined documents have been accepted meanwhile, by these keys and bodies.

    By the document's id, the key of the first accepted event.
    """
    come: dict[str, str] = {}
    of_row = quarantine_keys.c.of_row
    if connection.execute(select(of_row).where(of_row == true()).limit(1)).all():
        rows = dict(zip(reversed(rows_of(bodies)), reversed(keys), strict=True))
        rows.pop(None, None)
        quarantined = _quarantined(
            connection, [row for row in rows if row is not None], of_row=True
        )
        come.update((i, rows[row]) for i, row in quarantined)
    come.update(_quarantined(connection, keys, of_row=False))
    return come


def _quarantined(
    connection: Connection, keys: Sequence[str], *, of_row: bool
) -> Iterator[tuple[str, str]]:
    """(id, key) of the quarantined documents that have one of these keys."""
    k = quarantine_keys.c
    query = select(k.id, k.key).where(k.of_row == of_row)
    few = connection.execute(query.limit(len(keys))).all()
    if len(few) < len(keys):  # fewer are quarantined than come in
        wanted = set(keys)
        yield from ((row.id, row.key) for row in few if row.key in wanted)
        return
    yield from ((row.id, row.key) for row in among(connection, query, k.key, keys))


def unseen(connection: Connection, rejected: Sequence[Rejected]) -> list[Rejected]:
    """The documents that are not in quarantine yet."""
    ids = {_id(r): r for r in rejected}
    query = select(quarantine.c.id)
    ids_there = {i for (i,) in among(connection, query, quarantine.c.id, ids)}
    return [r for i, r in ids.items() if i not in ids_there]


def by_rule(engine: Engine) -> dict[str, int]:
    """How many documents are in quarantine, by the rule they broke, most first."""
    counted = func.count().label("held")
    query = select(quarantine.c.rule, counted).group_by(quarantine.c.rule).order_by(counted.desc())
    with engine.connect() as connection:
        return {str(rule): int(count) for rule, count in connection.execute(query)}


def listed(engine: Engine, rule: str | None = None, limit: int = 100) -> list[Quarantined]:
    """The newest quarantined documents, of one rule or of all."""
    q = quarantine.c
    query = select(q.id, q.received_us, q.origin, q.line, q.rule, q.detail)
    query = query.order_by(q.received_us.desc(), q.origin, q.line).limit(limit)
    if rule:
        query = query.where(q.rule == rule)
    with engine.connect() as connection:
        return [
            Quarantined(
                id=r.id,
                received=iso(r.received_us),
                origin=r.origin,
                line=r.line,
                rule=r.rule,
                detail=r.detail,
            )
            for r in connection.execute(query)
        ]


def files_of_rows(engine: Engine) -> dict[str, int]:
    """How many rows of tables are in quarantine, by their file, most first."""
    counted: Counter[str] = Counter()
    for chunk in take_all(engine):
        counted.update(one.origin for one in chunk.values() if is_row(one))
    return dict(counted.most_common())


def body_of(engine: Engine, quarantine_id: str) -> bytes:
    """One document, as it came. Raises Missing."""
    query = select(quarantine.c.body).where(quarantine.c.id == quarantine_id)
    with engine.connect() as connection:
        body = connection.execute(query).scalar_one_or_none()
    if body is None:
        raise Missing(
            f"no document is quarantined as {quarantine_id}",
            rule="quarantine-id",
            todo="`leadscore quarantine list` shows what is.",
        )
    return bytes(body)


def take_all(engine: Engine, chunk: int = 2_000) -> Iterator[dict[str, Rejected]]:
    """Every quarantined document, by its id, in the order of arrival, a chunk at a time."""
    q = quarantine.c
    with engine.connect() as connection:
        order = [q.received_us, q.origin, q.line]
        ids = list(connection.execute(select(q.id).order_by(*order)).scalars())
    for at in range(0, len(ids), chunk):
        part = ids[at : at + chunk]
        query = select(q.rule, q.detail, q.origin, q.line, q.body, q.id)
        with engine.connect() as connection:
            rows = {r.id: r for r in among(connection, query, q.id, part)}
            keys, row_keys = (_keys(connection, part, of_row=row) for row in (False, True))
        yield {
            i: Rejected(
                rule=r.rule,
                detail=r.detail,
                origin=r.origin,
                line=r.line,
                body=bytes(r.body),
                keys=keys.get(i) or (() if i in row_keys else named_in(bytes(r.body))),
                row_keys=row_keys.get(i, ()),
            )
            for i, r in ((one, rows[one]) for one in part if one in rows)
        }


def _keys(
    connection: Connection, ids: Sequence[str], *, of_row: bool
) -> dict[str, tuple[str, ...]]:
    """The events, or the rows, by which each document has come in."""
    k = quarantine_keys.c
    keys: dict[str, tuple[str, ...]] = {}
    query = select(k.id, k.key).where(k.of_row == of_row)
    for i, key in among(connection, query, k.id, ids):
        keys[i] = (*keys.get(i, ()), key)
    return keys


def remove(connection: Connection, ids: Iterable[str]) -> int:
    """Remove documents that were accepted after all; returns how many there were."""
    rows = [{"gone": one} for one in ids]
    if not rows:
        return 0
    connection.execute(
        delete(quarantine_keys).where(quarantine_keys.c.id == bindparam("gone")), rows
    )
    statement = delete(quarantine).where(quarantine.c.id == bindparam("gone"))
    return connection.execute(statement, rows).rowcount


def is_row(one: Rejected) -> bool:
    """Whether a quarantined document is a row of a table, which only its file can cure."""
    if one.row_keys:  # a mapping read it: its columns may be called as a signal's fields are
        return True
    try:
        cells = msgspec.json.decode(one.body, type=dict[str, str])
    except (ValueError, RecursionError):
        return False
    return not {"id", "source", "type", "time"} <= cells.keys()


def _id(rejected: Rejected) -> str:
    digest = blake2b(digest_size=8)
    for part in (rejected.origin.encode(), str(rejected.line).encode(), rejected.body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
