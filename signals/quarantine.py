"""Where signals go that cannot be accepted: kept whole, with the rule they broke."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import msgspec
from sqlalchemy import Connection, Engine, bindparam, delete, func, select

from domain.clock import iso
from domain.errors import Missing
from signals.schema import among, insert_into, quarantine


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A document that was not accepted. `detail` holds no personal data; `body` may."""

    rule: str
    detail: str
    origin: str
    line: int
    body: bytes


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
    rows = [
        {
            "id": _id(r),
            "received_us": now_us,
            "origin": r.origin,
            "line": r.line,
            "rule": r.rule,
            "detail": r.detail,
            "body": r.body,
        }
        for r in rejected
    ]
    statement = insert_into(connection, quarantine).on_conflict_do_nothing()
    # not every driver counts the rows of many statements
    return len(connection.execute(statement.returning(quarantine.c.id), rows).all())


def unseen(connection: Connection, rejected: Sequence[Rejected]) -> list[Rejected]:
    """Those that are not held yet."""
    ids = {_id(r): r for r in rejected}
    query = select(quarantine.c.id)
    held = {i for (i,) in among(connection, query, quarantine.c.id, ids)}
    return [r for i, r in ids.items() if i not in held]


def by_rule(engine: Engine) -> dict[str, int]:
    """How many are held, by the rule they broke, most first."""
    counted = func.count().label("held")
    query = select(quarantine.c.rule, counted).group_by(quarantine.c.rule).order_by(counted.desc())
    with engine.connect() as connection:
        return {str(rule): int(held) for rule, held in connection.execute(query)}


def listed(engine: Engine, rule: str | None = None, limit: int = 100) -> list[Quarantined]:
    """The newest ones held, of one rule or of all."""
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


def body_of(engine: Engine, quarantine_id: str) -> bytes:
    """One document, as it came. Raises Missing."""
    query = select(quarantine.c.body).where(quarantine.c.id == quarantine_id)
    with engine.connect() as connection:
        body = connection.execute(query).scalar_one_or_none()
    if body is None:
        raise Missing(
            f"nothing is quarantined as {quarantine_id}",
            rule="quarantine-id",
            todo="`leadscore quarantine list` shows what is.",
        )
    return bytes(body)


def take_all(engine: Engine, chunk: int = 2_000) -> Iterator[list[Rejected]]:
    """Every document held now, in the order of arrival, a chunk at a time."""
    q = quarantine.c
    with engine.connect() as connection:
        order = [q.received_us, q.origin, q.line]
        ids = list(connection.execute(select(q.id).order_by(*order)).scalars())
    for at in range(0, len(ids), chunk):
        part = ids[at : at + chunk]
        query = select(q.rule, q.detail, q.origin, q.line, q.body, q.id)
        with engine.connect() as connection:
            rows = {r.id: r for r in among(connection, query, q.id, part)}
        yield [
            Rejected(rule=r.rule, detail=r.detail, origin=r.origin, line=r.line, body=bytes(r.body))
            for r in (rows[one] for one in part if one in rows)
        ]


def remove(connection: Connection, released: Sequence[Rejected]) -> int:
    """Forget documents that were accepted after all; how many were there."""
    gone = delete(quarantine).where(quarantine.c.id == bindparam("gone"))
    rows = [{"gone": _id(one)} for one in released]
    return connection.execute(gone, rows).rowcount if rows else 0


def _id(rejected: Rejected) -> str:
    digest = blake2b(digest_size=8)
    for part in (rejected.origin.encode(), str(rejected.line).encode(), rejected.body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
