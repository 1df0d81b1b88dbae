"""Accounts over time: their people's summed state, how many they are, how active each is."""

from collections.abc import Iterable
from typing import TypeVar, cast

import numpy as np

from domain.state import INTENSITY, LAST, PEOPLE, Events, Index, Matrix, Vector, empty
from signals import kernel
from signals.identity import account_of
from signals.sinks import HistorySink
from signals.states import StateStore

_AT_ONCE = 5_000
NOBODYS = -1
"""The number of no account."""

Rows = TypeVar("Rows", Matrix, Index)


class AccountHistory:
    """Follows a replay of the log; writes an account's vector whenever it changes.

    Accounts and leads go by numbers. A lead is one account's at a time.
    """

    def __init__(
        self, store: StateStore, sink: HistorySink, leads: list[str], *, held: bool = False
    ) -> None:
        """`leads` are the leads' ids by number; the list grows with the replay.

        `held`: changes are held back until `write_held`, which writes each account once.
        """
        self._store = store
        self._sink = sink
        self._leads = leads
        self._is_held = held
        self._numbers: dict[str, int] = {}
        self._keys: list[str] = []
        self._people: list[set[int]] = []
        self._sums = empty(store.layout, 1024)
        self._held = np.zeros(1024, dtype=np.int64)
        self._member_of = np.full(1024, NOBODYS, dtype=np.int64)
        self._seen = np.zeros((1024, 2))
        self._life = float(store.half_lives[len(store.half_lives) // 2])

    def open(self, account: str) -> int:
        """An account's number; one not seen before has nobody yet."""
        number = self._numbers.setdefault(account, len(self._numbers))
        if number == len(self._keys):
            self._keys.append(account)
            self._people.append(set())
            self._sums = with_room(self._sums, number + 2)
            self._held = with_room(self._held, number + 2)
        return number

    def join(self, account: int, lead: int, last_s: float) -> None:
        """A lead belongs to an account from now on; `set_sum` says how active it is."""
        self._make_room()
        if self._member_of[lead] != account:
            self._people[account].add(lead)
            self._member_of[lead] = account
            self._seen[lead] = last_s, 0.0

    def leave(self, account: int, leads: Iterable[int]) -> None:
        """Leads belong to an account no more."""
        self._make_room()
        for lead in leads:
            if self._member_of[lead] == account:
                self._people[account].remove(lead)
                self._member_of[lead] = NOBODYS

    def people(self, account: int) -> list[int]:
        """The leads of an account."""
        return list(self._people[account])

    def set_sum(self, account: int, people: list[int], states: Matrix, known_us: int) -> None:
        """Sum an account anew from its people's states [n, width], and write it."""
        s = self._store
        self._seen[people] = states[:, [LAST, INTENSITY]]
        self._sums[account] = kernel.merged(states, s.half_lives, s.layout.families)
        if self._is_held:
            self._held[account] = known_us
        else:
            self._write([account], [known_us], self._sums[account : account + 1])

    def fold(self, events: Events, accounts: Index, known_us: Index) -> None:
        """Fold events of leads, whose numbers are their rows, into their accounts'."""
        own, leads, s = self._own(events, accounts), events.rows, self._store
        if self._is_held:
            kernel.fold(self._sums, own, 0, len(leads), s.half_lives)
            self._see(leads, accounts, events.times)
            some = accounts != NOBODYS
            note_latest(self._held, accounts[some], known_us[some])
        else:
            out = np.empty((len(leads), s.layout.width))
            kernel.replay(self._sums, own, s.half_lives, out)
            for i in np.flatnonzero(accounts != NOBODYS).tolist():
                one = slice(i, i + 1)
                self._see(leads[one], accounts[one], events.times[one])
                self._write([int(accounts[i])], [int(known_us[i])], out[one])
        self._sums[len(self._keys)] = 0.0

    def write_held(self) -> None:
        """Write each account that changed since, as it stands."""
        changed = np.flatnonzero(self._held)
        changed = changed[np.argsort(self._held[changed], kind="stable")]
        for at in range(0, len(changed), _AT_ONCE):
            some = changed[at : at + _AT_ONCE]
            self._write(some.tolist(), self._held[some].tolist(), self._sums[some])
        self._held[:] = 0

    def _own(self, events: Events, accounts: Index) -> Events:
        """The events with their accounts' rows; those of no account go to a row of waste."""
        return events._replace(rows=np.where(accounts == NOBODYS, len(self._keys), accounts))

    def _see(self, leads: Index, accounts: Index, times: Vector) -> None:
        """Note events of leads, who are among their accounts' people from now on."""
        self._make_room()
        fresh = (accounts != NOBODYS) & (self._member_of[leads] != accounts)
        for lead, account in zip(leads[fresh].tolist(), accounts[fresh].tolist(), strict=True):
            self.join(account, lead, -np.inf)
        kernel.see(self._seen, leads, accounts, times, self._life)

    def _make_room(self) -> None:
        was = len(self._member_of)
        self._member_of = with_room(self._member_of, len(self._leads))
        self._member_of[was:] = NOBODYS
        self._seen = with_room(self._seen, len(self._leads))

    def _write(self, accounts: list[int], known_us: list[int], sums: Matrix) -> None:
        ids = [account_of(self._keys[one]) for one in accounts]
        self._sink.add(ids, known_us, self._vectors(accounts, sums))

    def _vectors(self, accounts: list[int], sums: Matrix) -> Matrix:
        """What is told of accounts [n]: sums [n, width], how many people, those seen last."""
        layout, sizes = self._store.layout, [len(self._people[one]) for one in accounts]
        vectors = np.zeros((len(accounts), layout.account_width))
        vectors[:, : layout.width] = sums
        vectors[:, layout.width] = sizes
        leads = np.array([lead for one in accounts for lead in self._people[one]], dtype=np.int64)
        owners = np.repeat(np.arange(len(accounts)), sizes)
        last, intensity = self._seen[leads].T
        second = np.floor(last)
        names = np.array([self._leads[lead] for lead in leads.tolist()], dtype=np.str_)
        order = np.lexsort((names, -second, owners))
        places = np.arange(len(leads)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        newest, at = places < PEOPLE, layout.width + 1 + places
        aged = intensity * np.exp2((last - second) / self._life)
        for told, begin in ((second, at), (aged, at + PEOPLE)):
            vectors[owners[newest], begin[newest]] = told[order][newest]
        return vectors


def with_room(held: Rows, rows: int) -> Rows:
    """An array of at least this many rows, new ones 0; it doubles, so that growing costs little."""
    if rows <= len(held):
        return held
    out = np.zeros((max(rows, 2 * len(held)), *held.shape[1:]), held.dtype)
    out[: len(held)] = held
    return cast("Rows", out)


def note_latest(held: Index, places: Index, moments_us: Index) -> None:
    """Note moments, which ascend, at places that may repeat; never one before the one held."""
    held[places] = np.maximum(held[places], moments_us)
