"""Accounts over time: their people's summed state, how many they are, how active each is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest

import numpy as np

from domain.state import INTENSITY, LAST, PEOPLE, Events, Matrix, Vector, empty
from signals import kernel
from signals.identity import account_of
from signals.sinks import HistorySink
from signals.states import StateStore

Seen = tuple[float, float]
"""A lead's last event, and its intensity as of that."""

_AT_ONCE = 5_000


@dataclass(slots=True)
class _Account:
    row: int
    people: dict[str, Seen] = field(default_factory=dict)


class AccountHistory:
    """Follows a replay of the log; writes an account's vector whenever it changes."""

    def __init__(self, store: StateStore, sink: HistorySink, *, held: bool = False) -> None:
        """`held`: changes are held back until `write_held`, which writes each account once."""
        self._held: dict[str, int] | None = {} if held else None
        self._store = store
        self._sink = sink
        self._accounts: dict[str, _Account] = {}
        self._sums = empty(store.layout, 1024)
        self._life = float(store.half_lives[len(store.half_lives) // 2])

    def open(self, account: str) -> None:
        """Make room for an account; nobody belongs to it yet."""
        if account not in self._accounts:
            self._accounts[account] = _Account(len(self._accounts))
            self._sums = with_room(self._sums, len(self._accounts) + 1)

    def join(self, account: str, lead: str, last_s: float) -> None:
        """A lead belongs to an open account from now on; `set_sum` says how active it is."""
        self._accounts[account].people.setdefault(lead, (last_s, 0.0))

    def leave(self, account: str, leads: Iterable[str]) -> None:
        """Leads belong to an account no more."""
        for lead in leads:
            self._accounts[account].people.pop(lead, None)

    def people(self, account: str) -> list[str]:
        """The leads of an account."""
        return list(self._accounts[account].people)

    def set_sum(self, account: str, states: Matrix, known_us: int) -> None:
        """Sum an account anew from its people's states [n, width], and write it.

        The states stand in the order of `people`.
        """
        s, held = self._store, self._accounts[account]
        seen = states[:, [LAST, INTENSITY]].tolist()
        held.people = {lead: (t, x) for lead, (t, x) in zip(held.people, seen, strict=True)}
        self._sums[held.row] = kernel.merged(states, s.half_lives, s.layout.families)
        if self._held is not None:
            self._held[account] = known_us
            return
        vector = self._vector(account, self._sums[held.row])
        self._sink.add([account_of(account)], [known_us], vector[None, :])

    def fold(self, events: Events, moments: Sequence[int], who: Sequence[tuple[str, str]]) -> None:
        """Fold events; `who` is each event's (lead, account), the account "" where none."""
        s, own = self._store, self._own(events, who)
        out = np.empty((len(who), s.layout.width))
        kernel.replay(self._sums, own, s.half_lives, out)
        self._sums[len(self._accounts)] = 0.0
        vectors, kept = [], []
        for i, (lead, account) in enumerate(who):
            if account:
                self._see(account, lead, float(events.times[i]))
                vectors.append(self._vector(account, out[i]))
                kept.append(i)
        if kept:
            ids = [account_of(who[i][1]) for i in kept]
            self._sink.add(ids, [moments[i] for i in kept], np.array(vectors))

    def fold_held(
        self, events: Events, moments: Sequence[int], who: Sequence[tuple[str, str]]
    ) -> None:
        """As `fold`, but write nothing yet."""
        own = self._own(events, who)
        kernel.fold(self._sums, own, 0, len(who), self._store.half_lives)
        self._sums[len(self._accounts)] = 0.0
        held = {} if self._held is None else self._held
        for (lead, account), t, known_us in zip(who, events.times.tolist(), moments, strict=True):
            if account:
                self._see(account, lead, t)
                held[account] = known_us

    def write_held(self) -> None:
        """Write each account that changed since, as it stands."""
        held = self._held or {}
        accounts = sorted(held, key=held.__getitem__)
        for at in range(0, len(accounts), _AT_ONCE):
            some = accounts[at : at + _AT_ONCE]
            vectors = [self._vector(one, self._sums[self._accounts[one].row]) for one in some]
            ids = [account_of(one) for one in some]
            self._sink.add(ids, [held[one] for one in some], np.array(vectors))
        held.clear()

    def _own(self, events: Events, who: Sequence[tuple[str, str]]) -> Events:
        """The events with their accounts' rows; those of no account go to a row of waste."""
        waste = len(self._accounts)
        rows = [self._accounts[account].row if account else waste for _, account in who]
        return events._replace(rows=np.array(rows, dtype=np.int64))

    def _see(self, account: str, lead: str, t: float) -> None:
        """A lead of an account has an event at `t`."""
        people, life = self._accounts[account].people, self._life
        last, intensity = people.get(lead, (t, 0.0))
        newest = max(last, t)
        aged = intensity * 2.0 ** ((last - newest) / life)
        people[lead] = newest, aged + 2.0 ** ((t - newest) / life)

    def _vector(self, account: str, state: Vector) -> Vector:
        layout = self._store.layout
        people = self._accounts[account].people
        newest = [seen for _, seen in nsmallest(PEOPLE, people.items(), key=_newest_first)]
        vector = np.zeros(layout.account_width)
        vector[: layout.width] = state
        vector[layout.width] = len(people)
        at = layout.width + 1
        vector[at : at + len(newest)] = [int(last) for last, _ in newest]
        at += PEOPLE
        vector[at : at + len(newest)] = [
            intensity * 2.0 ** ((last - int(last)) / self._life) for last, intensity in newest
        ]
        return vector


def _newest_first(one: tuple[str, Seen]) -> tuple[int, str]:
    lead, (last, _) = one
    return -int(last), lead


def with_room(matrix: Matrix, rows: int) -> Matrix:
    """The matrix with at least this many rows; it doubles, so that growing costs little."""
    if rows <= len(matrix):
        return matrix
    more = np.zeros((max(rows, 2 * len(matrix)) - len(matrix), matrix.shape[1]))
    return np.concatenate([matrix, more])
