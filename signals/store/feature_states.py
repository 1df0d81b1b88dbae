"""Stored feature state: leads and accounts as rows, loaded and saved a batch at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec
import numpy as np
from sqlalchemy import Connection, Select, delete, func, select

from domain.definition import FeatureDefinition
from domain.state import (
    LAST,
    PEOPLE,
    Matrix,
    Vector,
    half_lives_of,
    intensities,
    layout_of,
)
from domain.state_codec import pack, unpack
from signals.store.state_kernels import merged
from signals.store.tables import accounts, leads
from storage.sql import among, write

AttributeWrite = tuple[float, float, str]
"""A text attribute's last write: time, tie-break, value."""

NO_TEXT: AttributeWrite = (0.0, 0.0, "")
_texts = msgspec.json.Decoder(list[AttributeWrite])
_CHUNK = 500
_FEW = 4 * PEOPLE
"""People of an account up to which all are ranked, with those of other accounts at once."""

_COLUMNS = ("lead_id", "account", "last_s", "known_us", "state", "texts")


class LeadRow:
    """One lead as stored. `state` of a stored lead is read-only.

    Texts stay packed until somebody looks: most events write none.
    """

    __slots__ = ("_packed", "_texts", "account", "known_us", "lead_id", "state")

    def __init__(
        self, lead_id: str, account: str, known_us: int, state: Vector, texts: bytes | int
    ) -> None:
        """`texts` as stored, or how many there are, none of them written."""
        self.lead_id = lead_id
        self.account = account
        self.known_us = known_us
        self.state = state
        self._packed = texts if isinstance(texts, bytes) else b""
        self._texts = [] if isinstance(texts, bytes) else [NO_TEXT] * texts

    @property
    def texts(self) -> list[AttributeWrite]:
        """(time, tie-break, value) writes; the last is the outcome that closed the lead."""
        if self._packed:
            self._texts, self._packed = _texts.decode(self._packed), b""
        return self._texts

    @texts.setter
    def texts(self, texts: list[AttributeWrite]) -> None:
        self._texts, self._packed = texts, b""

    def packed_texts(self) -> bytes:
        """The texts as they are stored."""
        return self._packed or msgspec.json.encode(self._texts)


T = TypeVar("T")


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Values in lists short enough for one statement."""
    items = list(values)
    for at in range(0, len(items), _CHUNK):
        yield items[at : at + _CHUNK]


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
        rows = list(among(connection, query, c.lead_id, lead_ids))
        states = unpack([row.state for row in rows], self.layout.width)
        return [
            LeadRow(lead_id, account, known_us, state, texts)
            for (lead_id, account, known_us, _, texts), state in zip(rows, states, strict=True)
        ]

    def save(self, connection: Connection, rows: Sequence[LeadRow]) -> None:
        """Store leads."""
        if not rows:
            return
        packed = pack(np.array([r.state for r in rows]))
        stored = [
            (
                r.lead_id,
                r.account,
                int(r.state[LAST]),
                r.known_us,
                state,
                r.packed_texts(),
            )
            for r, state in zip(rows, packed, strict=True)
        ]
        write(connection, leads, _COLUMNS, stored, conflict="replace")

    def remove(self, connection: Connection, ended: Sequence[str]) -> None:
        """Remove leads that ended."""
        for part in chunks(ended):
            connection.execute(delete(leads).where(leads.c.lead_id.in_(part)))

    def accounts(self, connection: Connection, keys: Iterable[str]) -> dict[str, Vector]:
        """The summed states of accounts that are stored."""
        query = select(accounts.c.account, accounts.c.state)
        rows = list(among(connection, query, accounts.c.account, keys))
        states = unpack([state for _, state in rows], self.layout.width)
        return {account: state for (account, _), state in zip(rows, states, strict=True)}

    def save_accounts(self, connection: Connection, states: dict[str, Vector]) -> None:
        """Store the summed states of accounts."""
        if states:
            rows = list(zip(states, pack(np.array(list(states.values()))), strict=True))
            write(connection, accounts, ("account", "state"), rows, conflict="replace")

    def sum_members(self, connection: Connection, account: str) -> Vector:
        """An account's state, made anew from its leads."""
        query = select(leads.c.state).where(leads.c.account == account)
        members = list(connection.execute(query).scalars())
        parts = unpack(members, self.layout.width)
        return merged(parts, self.half_lives, self.layout.families)

    def account_vectors(self, connection: Connection, keys: Sequence[str]) -> Matrix:
        """Account vectors [n, account width], as `domain.state.Layout` has them."""
        out = np.zeros((len(keys), self.layout.account_width))
        at = {key: i for i, key in enumerate(keys)}
        for key, state in self.accounts(connection, keys).items():
            out[at[key], : self.layout.width] = state
        counts = self._counts(connection, keys)
        for key, count in counts.items():
            out[at[key], self.layout.width] = count
        if people := _newest(connection, counts):
            names, places, last_s, packed = zip(*people, strict=True)
            row = np.array([at[name] for name in names], dtype=np.int64)
            place = self.layout.width + np.array(places, dtype=np.int64)
            out[row, place] = last_s
            states = unpack(packed, self.layout.width)
            out[row, place + PEOPLE] = intensities(states, self.half_lives)
        return out

    def _counts(self, connection: Connection, keys: Sequence[str]) -> dict[str, int]:
        """How many people each account has that has any: read from an index alone."""
        query = select(leads.c.account, func.count()).group_by(leads.c.account)
        rows = among(connection, query, leads.c.account, keys)
        return {account: count for account, count in rows}  # noqa: C416

    def account_known_us(self, connection: Connection, keys: Sequence[str]) -> list[int]:
        """When the newest event of each account's people became known."""
        # a look at the end of an index for each, where grouping would walk through all of it
        of, known = accounts.c.account, select(func.max(leads.c.known_us))
        query = select(of, known.where(leads.c.account == of).scalar_subquery())
        newest = {key: us for key, us in among(connection, query, of, keys)}  # noqa: C416
        return [newest.get(key) or 0 for key in keys]


_Seen = tuple[str, int, int, bytes]
"""Account, place from 1, last event, state of one of the newest people."""


def _newest(connection: Connection, counts: Mapping[str, int]) -> list[_Seen]:
    """The newest people of accounts, given with how many people each has."""
    few = [key for key, count in counts.items() if count <= _FEW]
    newest: list[_Seen] = []
    for part in chunks(few):
        ranked = connection.execute(_newest_people(part))
        newest += [(r.account, r.place, r.last_s, r.state) for r in ranked]
    for key in counts.keys() - set(few):
        rows = connection.execute(_newest_of(key))
        newest += [(key, n, r.last_s, r.state) for n, r in enumerate(rows, start=1)]
    return newest


def _newest_people(keys: list[str]) -> Select[tuple[str, int, int, bytes]]:
    """The newest people of accounts of few."""
    c = leads.c
    newest = func.row_number().over(partition_by=c.account, order_by=[c.last_s.desc(), c.lead_id])
    ranked = select(c.account, newest.label("place"), c.last_s, c.state)
    r = ranked.where(c.account.in_(keys)).subquery().c
    return select(r.account, r.place, r.last_s, r.state).where(r.place <= PEOPLE)


def _newest_of(key: str) -> Select[tuple[int, bytes]]:
    """(last event, state) of the newest people of an account of many, which an index leads to."""
    c = leads.c
    query = select(c.last_s, c.state).where(c.account == key)
    return query.order_by(c.last_s.desc(), c.lead_id).limit(PEOPLE)
