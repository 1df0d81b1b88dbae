"""Stored feature state: leads and accounts as rows, loaded and saved a batch at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import numpy as np
from sqlalchemy import Connection, Select, delete, func, select

from domain.definition import FeatureDefinition
from domain.state import PEOPLE, Matrix, Vector, half_lives_of, layout_of
from signals.kernel import merged
from signals.schema import accounts, among, leads, upsert

Written = tuple[float, float, str]
"""A text attribute's last write: time, tie-break, value."""

NO_TEXT: Written = (0.0, 0.0, "")
_texts = msgspec.json.Decoder(list[Written])
_CHUNK = 500


@dataclass(slots=True)
class LeadRow:
    """One lead as stored. `texts` are (time, tie-break, value) writes, the last is its outcome.

    `state` of a stored lead is read-only.
    """

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


class StateStore:
    """Lead and account states in the database, for one definition."""

    def __init__(self, definition: FeatureDefinition) -> None:
        self.definition = definition
        self.layout = layout_of(definition)
        self.half_lives = half_lives_of(definition)
        self.texts = len(definition.texts) + 1

    def load(self, connection: Connection, lead_ids: Iterable[str]) -> list[LeadRow]:
        """The leads that are stored under these ids."""
        c = leads.c
        query = select(c.lead_id, c.account, c.known_us, c.state, c.texts)
        return [self._row(r) for r in among(connection, query, c.lead_id, lead_ids)]

    def _row(self, row: Any) -> LeadRow:
        lead_id, account, known_us, state, texts = row
        return LeadRow(lead_id, account, known_us, np.frombuffer(state), _texts.decode(texts))

    def save(self, connection: Connection, rows: Sequence[LeadRow]) -> None:
        """Store leads."""
        upsert(
            connection,
            leads,
            [
                {
                    "lead_id": r.lead_id,
                    "account": r.account,
                    "last_s": int(r.state[2]),
                    "known_us": r.known_us,
                    "state": r.state.tobytes(),
                    "texts": msgspec.json.encode(r.texts),
                }
                for r in rows
            ],
        )

    def remove(self, connection: Connection, ended: Sequence[str]) -> None:
        """Remove leads that ended."""
        for part in chunks(ended):
            connection.execute(delete(leads).where(leads.c.lead_id.in_(part)))

    def accounts(self, connection: Connection, keys: Iterable[str]) -> dict[str, Vector]:
        """The summed states of accounts that are stored."""
        query = select(accounts.c.account, accounts.c.state)
        found = among(connection, query, accounts.c.account, keys)
        return {account: np.frombuffer(state) for account, state in found}

    def save_accounts(self, connection: Connection, states: dict[str, Vector]) -> None:
        """Store the summed states of accounts."""
        rows = [{"account": a, "state": s.tobytes()} for a, s in states.items()]
        upsert(connection, accounts, rows)

    def sum_members(self, connection: Connection, account: str) -> Vector:
        """An account's state, made anew from its leads."""
        query = select(leads.c.state).where(leads.c.account == account)
        members = [np.frombuffer(state) for (state,) in connection.execute(query)]
        parts = np.array(members).reshape(len(members), self.layout.width)
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


def _newest_people(keys: list[str]) -> Select[tuple[str, int, int, int]]:
    c = leads.c
    newest = func.row_number().over(partition_by=c.account, order_by=[c.last_s.desc(), c.lead_id])
    people = func.count().over(partition_by=c.account)
    ranked = select(c.account, c.last_s, newest.label("place"), people.label("people"))
    r = ranked.where(c.account.in_(keys)).subquery().c
    return select(r.account, r.last_s, r.place, r.people).where(r.place <= PEOPLE)
