"""Accounts over time: their people's summed state, how many they are, how active each is."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np

from domain.state import (
    INTENSITY,
    LAST,
    PEOPLE,
    Events,
    Index,
    Matrix,
    Vector,
    caused_by_us,
    empty,
)
from signals.identifiers.normalization import account_of
from signals.replay.newest_people import NewestPeople
from signals.replay.sinks import HistorySink
from signals.store import state_kernels
from signals.store.feature_states import StateStore

_AT_ONCE = 5_000
NOBODYS = -1
"""The number of no account."""

Rows = TypeVar("Rows", Matrix, Index)


class AccountPeople:
    """Who belongs to which account. Accounts and leads go by numbers; a lead is one account's."""

    def __init__(self, leads: list[str]) -> None:
        """`leads` are the leads' ids by number; the list grows with the replay."""
        self.names = leads
        self.keys: list[str] = []
        self.members: list[set[int]] = []
        self._numbers: dict[str, int] = {}
        self._of = np.full(1024, NOBODYS, dtype=np.int64)

    def open(self, account: str) -> int:
        """An account's number; a new account has no people yet."""
        number = self._numbers.setdefault(account, len(self._numbers))
        if number == len(self.keys):
            self.keys.append(account)
            self.members.append(set())
        return number

    def join(self, account: int, lead: int) -> None:
        """A lead belongs to an account from now on."""
        self._make_room()
        if self._of[lead] != account:
            self.members[account].add(lead)
            self._of[lead] = account

    def leave(self, account: int, leads: Iterable[int]) -> None:
        """Leads belong to an account no more."""
        self._make_room()
        for lead in leads:
            if self._of[lead] == account:
                self.members[account].remove(lead)
                self._of[lead] = NOBODYS

    def fresh(self, leads: Index, accounts: Index) -> list[tuple[int, int]]:
        """Leads [n] that are not yet among the people of their accounts, and these."""
        self._make_room()
        some = (accounts != NOBODYS) & (self._of[leads] != accounts)
        return list(zip(leads[some].tolist(), accounts[some].tolist(), strict=True))

    def is_of(self, lead: int, account: int) -> bool:
        """Whether a lead belongs to an account."""
        return lead < len(self._of) and bool(self._of[lead] == account)

    def _make_room(self) -> None:
        was = len(self._of)
        self._of = with_room(self._of, len(self.names))
        self._of[was:] = NOBODYS


@dataclass(slots=True)
class Moves:
    """What a change of identity means for accounts.

    `people` are leads that belong to these accounts now. `gained` are states of events that came to
    an account; `left` are accounts that events left. `accounts` are all that changed, in order.
    """

    people: list[tuple[int, int]] = field(default_factory=list)
    gained: dict[int, list[Vector]] = field(default_factory=dict)
    left: set[int] = field(default_factory=set)
    accounts: list[int] = field(default_factory=list)


class AccountsAtSnapshots:
    """Writes each changed account once per look, from the states that its people have then.

    What is written depends on who belongs to it and on their states alone, not on how it came.
    """

    def __init__(self, store: StateStore, sink: HistorySink, leads: list[str]) -> None:
        self.people = AccountPeople(leads)
        self._store = store
        self._sink = sink
        self._changed = np.zeros(1024, dtype=np.int64)

    def fold(self, events: Events, accounts: Index, known_us: Index) -> None:
        """Note events of leads, whose numbers are their rows, for their accounts."""
        for lead, account in self.people.fresh(events.rows, accounts):
            self.people.join(account, lead)
        some = accounts != NOBODYS
        self._changed = with_room(self._changed, len(self.people.keys))
        note_latest(self._changed, accounts[some], known_us[some])

    def settle(self, moves: Moves, known_us: int, _: Matrix) -> None:
        """Note accounts whose people, or whose people's states, changed by a change of identity."""
        self._changed = with_room(self._changed, len(self.people.keys))
        self._changed[list(moves.accounts)] = known_us

    def write(self, states: Matrix) -> None:
        """Write each account that changed since, by the leads' states [leads, width]."""
        changed = np.flatnonzero(self._changed)
        changed = changed[np.argsort(self._changed[changed], kind="stable")]
        for at in range(0, len(changed), _AT_ONCE):
            some = changed[at : at + _AT_ONCE]
            ids = [account_of(self.people.keys[one]) for one in some.tolist()]
            self._sink.add(ids, self._changed[some].tolist(), self._vectors(some, states))
        self._changed[:] = 0

    def _vectors(self, accounts: Index, states: Matrix) -> Matrix:
        """Of accounts [n]: sums [n, width], how many people, and those seen last."""
        members = [self.people.members[one] for one in accounts.tolist()]
        sizes = np.array([len(people) for people in members], dtype=np.int64)
        leads = np.array([lead for people in members for lead in people], dtype=np.int64)
        s = self._store
        vectors = np.zeros((len(accounts), s.layout.account_width))
        state_kernels.sum_groups(states, leads, sizes, s.half_lives, s.layout.families, vectors)
        vectors[:, s.layout.width] = sizes
        owners = np.repeat(np.arange(len(accounts)), sizes)
        second = np.floor(states[leads, LAST])
        names = np.array([self.people.names[lead] for lead in leads.tolist()], dtype=np.str_)
        order = np.lexsort((names, -second, owners))
        places = np.arange(len(leads)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        newest = order[places < PEOPLE]
        at = owners[newest], s.layout.width + 1 + places[places < PEOPLE]
        vectors[at] = second[newest]
        vectors[at[0], at[1] + PEOPLE] = _aged(states[leads[newest]][:, [LAST, INTENSITY]], s)
        return vectors


class AccountsAtEvents:
    """Writes an account after each event of its people, and after each change of its people."""

    def __init__(self, store: StateStore, sink: HistorySink, leads: list[str]) -> None:
        self.people = AccountPeople(leads)
        self._store = store
        self._sink = sink
        self._sums = empty(store.layout, 1024)
        self._seen = np.zeros((1024, 2))
        self._newest = NewestPeople(self.people)
        self._life = float(store.half_lives[len(store.half_lives) // 2])

    def fold(self, events: Events, accounts: Index, known_us: Index) -> None:
        """Fold events of leads, whose numbers are their rows, into their accounts', and write."""
        s, leads, nobodys = self._store, events.rows, len(self.people.keys)
        self._make_room()
        own = events._replace(rows=np.where(accounts == NOBODYS, nobodys, accounts))
        out = np.empty((len(leads), s.layout.width))
        state_kernels.replay(self._sums, own, s.half_lives, out)
        self._sums[nobodys] = 0.0
        some = np.flatnonzero(accounts != NOBODYS)
        seen_of = np.where(caused_by_us(events), NOBODYS, accounts)
        seen = np.zeros((len(some), PEOPLE, 2))
        counts = np.zeros(len(some))
        for place, i in enumerate(some.tolist()):
            lead, account, one = int(leads[i]), int(accounts[i]), slice(i, i + 1)
            is_new = not self.people.is_of(lead, account)
            if is_new:
                self.people.join(account, lead)
                self._seen[lead] = 0.0
            state_kernels.see(self._seen, leads[one], seen_of[one], events.times[one], self._life)
            note = self._newest.join if is_new else self._newest.see
            note(account, lead, float(self._seen[lead, 0]))
            counts[place] = self._look(account, seen[place])
        self._write(accounts[some], known_us[some], out[some], counts, seen)

    def settle(self, moves: Moves, known_us: int, states: Matrix) -> None:
        """Write accounts whose people changed, by all leads' states [leads, width] of now.

        An account that events left is summed anew; to others is added what came.
        """
        self._make_room()
        for lead, account in moves.people:
            self._seen[lead] = states[lead, [LAST, INTENSITY]]
            self._newest.join(account, lead, float(self._seen[lead, 0]))
        s = self._store
        for account in moves.accounts:
            if account in moves.left:
                rows = list(self.people.members[account])
                self._sums[account] = state_kernels.merged(
                    states[rows], s.half_lives, s.layout.families
                )
            for part in () if account in moves.left else moves.gained.get(account, ()):
                state_kernels.merge_into(self._sums[account], part, s.half_lives, s.layout.families)
        seen = np.zeros((len(moves.accounts), PEOPLE, 2))
        counts = np.array([self._look(*one) for one in zip(moves.accounts, seen, strict=True)])
        moments = np.full(len(counts), known_us)
        accounts = np.array(moves.accounts, dtype=np.int64)
        self._write(accounts, moments, self._sums[accounts], counts, seen)

    def _make_room(self) -> None:
        self._sums = with_room(self._sums, len(self.people.keys) + 1)
        self._seen = with_room(self._seen, len(self.people.names))

    def _look(self, account: int, seen: Matrix) -> int:
        """How many people an account has; `seen` [PEOPLE, 2] is filled with those seen last."""
        leads = self._newest.of(account)
        seen[: len(leads)] = self._seen[leads]
        return len(self.people.members[account])

    def _write(
        self, accounts: Index, known_us: Index, sums: Matrix, counts: Vector, seen: Matrix
    ) -> None:
        """Write accounts [n] with their sums [n, width], people, and those seen last of them."""
        if not len(accounts):
            return
        layout = self._store.layout
        vectors = np.zeros((len(accounts), layout.account_width))
        at = layout.width + 1
        vectors[:, : layout.width] = sums
        vectors[:, layout.width] = counts
        vectors[:, at : at + PEOPLE] = np.floor(seen[:, :, 0])
        vectors[:, at + PEOPLE : at + 2 * PEOPLE] = _aged(seen, self._store)
        ids = [account_of(self.people.keys[one]) for one in accounts.tolist()]
        self._sink.add(ids, known_us.tolist(), vectors)


def _aged(seen: Matrix, store: StateStore) -> Vector:
    """Intensities […] as of the whole second of the last event, of (last, intensity) […, 2]."""
    last, intensity = seen[..., 0], seen[..., 1]
    life = store.half_lives[len(store.half_lives) // 2]
    return cast("Vector", intensity * np.exp2((last - np.floor(last)) / life))


def with_room(array: Rows, rows: int) -> Rows:
    """An array of at least this many rows, new ones 0; it doubles, so that growing costs little."""
    if rows <= len(array):
        return array
    out = np.zeros((max(rows, 2 * len(array)), *array.shape[1:]), array.dtype)
    out[: len(array)] = array
    return cast("Rows", out)


def note_latest(latest: Index, places: Index, moments_us: Index) -> None:
    """Note moments, which ascend, at places that may repeat; never one before the one held."""
    latest[places] = np.maximum(latest[places], moments_us)
