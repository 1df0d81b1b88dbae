"""Stored feature state: leads and accounts as rows, loaded and saved a batch at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, func, select, update

from domain.definition import FeatureDefinition
from domain.state import PEOPLE, Matrix, Vector, half_lives_of, layout_of
from signals.kernel import merged
from signals.schema import accounts, identifiers, insert_into, leads

Written = tuple[float, float, str]
"""A text attribute's last write: time, tie-break, value."""

NO_TEXT: Written = (0.0, 0.0, "")
_texts = msgspec.json.Decoder(list[Written])
_CHUNK = 500


@dataclass(slots=True)
class LeadRow:
    """One lead as stored. `texts` are (time, tie-break, value) writes, the last is its outcome."""

    lead_id: str
    account: str
    known_us: int
    state: Vector
    texts: list[Written] = field(default_factory=list)


T = TypeVar("T")


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Values in lists short enough for one statement."""
    held = list(values)
    for at in range(0, len(held), _CHUNK):
        yield held[at : at + _CHUNK]


def upsert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, replacing those with the same primary key."""
    if not rows:
        return
    statement = insert_into(connection, table)
    key = [c.name for c in table.primary_key]
    new = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=new), rows)


class StateStore:
    """Lead and account states in the database, for one definition."""

    def __init__(self, definition: FeatureDefinition) -> None:
        self.definition = definition
        self.layout = layout_of(definition)
        self.half_lives = half_lives_of(definition)
        self.texts = len(definition.texts) + 1

    def leads_of_keys(self, connection: Connection, keys: Iterable[str]) -> list[tuple[str, str]]:
        """Stored (key, lead) pairs of identifier keys."""
        found: list[tuple[str, str]] = []
        for part in chunks(keys):
            query = select(identifiers.c.key, identifiers.c.lead_id)
            rows = connection.execute(query.where(identifiers.c.key.in_(part)))
            found += [(r.key, r.lead_id) for r in rows]
        return found

    def load(self, connection: Connection, lead_ids: Iterable[str]) -> list[LeadRow]:
        """The leads that are stored under these ids."""
        found: list[LeadRow] = []
        for part in chunks(lead_ids):
            found += self._rows(connection, leads.c.lead_id.in_(part))
        return found

    def _rows(self, connection: Connection, where: ColumnElement[bool]) -> list[LeadRow]:
        c = leads.c
        query = select(c.lead_id, c.account, c.known_us, c.state, c.texts)
        return [
            LeadRow(r.lead_id, r.account, r.known_us, self._vector(r.state), _texts.decode(r.texts))
            for r in connection.execute(query.where(and_(where, c.merged_into == "")))
        ]

    def save(self, connection: Connection, rows: Sequence[LeadRow]) -> None:
        """Store leads."""
        upsert(
            connection,
            leads,
            [
                {
                    "lead_id": r.lead_id,
                    "merged_into": "",
                    "account": r.account,
                    "last_s": int(r.state[2]),
                    "known_us": r.known_us,
                    "state": r.state.tobytes(),
                    "texts": msgspec.json.encode(r.texts),
                }
                for r in rows
            ],
        )

    def end(self, connection: Connection, ended: dict[str, str]) -> None:
        """Make ended leads forward to those they were merged into."""
        for old, new in ended.items():
            gone = {"merged_into": new, "account": "", "state": b"", "texts": b"[]", "last_s": 0}
            upsert(connection, leads, [{"lead_id": old, "known_us": 0, **gone}])
            moved = update(identifiers).where(identifiers.c.lead_id == old)
            connection.execute(moved.values(lead_id=new))

    def accounts(self, connection: Connection, keys: Iterable[str]) -> dict[str, Vector]:
        """The summed states of accounts that are stored."""
        found: dict[str, Vector] = {}
        for part in chunks(keys):
            query = select(accounts.c.account, accounts.c.state)
            rows = connection.execute(query.where(accounts.c.account.in_(part)))
            found.update({r.account: self._vector(r.state) for r in rows})
        return found

    def save_accounts(self, connection: Connection, states: dict[str, Vector]) -> None:
        """Store the summed states of accounts."""
        rows = [{"account": a, "state": s.tobytes()} for a, s in states.items()]
        upsert(connection, accounts, rows)

    def sum_members(self, connection: Connection, account: str) -> Vector:
        """An account's state, made anew from its leads."""
        members = self._rows(connection, leads.c.account == account)
        parts = np.array([m.state for m in members]).reshape(len(members), self.layout.width)
        return merged(parts, self.half_lives, self.layout.families)

    def account_vectors(self, connection: Connection, keys: Sequence[str]) -> Matrix:
        """Account vectors [n, account width]: summed state, number of people, their last events."""
        out = np.zeros((len(keys), self.layout.account_width))
        at = {key: i for i, key in enumerate(keys)}
        for key, state in self.accounts(connection, keys).items():
            out[at[key], : self.layout.width] = state
        for part in chunks(keys):
            for r in connection.execute(_newest_people(part)):
                row = out[at[r.account]]
                row[self.layout.width] = r.people
                row[self.layout.width + r.place] = r.last_s
        return out

    def account_known_us(self, connection: Connection, keys: Sequence[str]) -> list[int]:
        """When the newest event of each account's people became known."""
        newest: dict[str, int] = {}
        for part in chunks(keys):
            known = func.max(leads.c.known_us).label("known_us")
            query = select(leads.c.account, known).where(leads.c.account.in_(part))
            rows = connection.execute(query.group_by(leads.c.account))
            newest.update({r.account: r.known_us for r in rows})
        return [newest.get(key, 0) for key in keys]

    def _vector(self, blob: bytes) -> Vector:
        return np.frombuffer(blob).copy()


def _newest_people(keys: list[str]) -> Select[tuple[str, int, int, int]]:
    c = leads.c
    newest = func.row_number().over(partition_by=c.account, order_by=[c.last_s.desc(), c.lead_id])
    people = func.count().over(partition_by=c.account)
    ranked = select(c.account, c.last_s, newest.label("place"), people.label("people"))
    r = ranked.where(c.account.in_(keys)).subquery().c
    return select(r.account, r.last_s, r.place, r.people).where(r.place <= PEOPLE)
