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


@dataclass(slots=True)
class _Account:
    row: int
    people: dict[str, Seen] = field(default_factory=dict)


class AccountHistory:
    """Follows a replay of the log; writes an account's vector whenever it changes."""

    def __init__(self, store: StateStore, sink: HistorySink) -> None:
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
        vector = self._vector(account, self._sums[held.row])
        self._sink.add([account_of(account)], [known_us], vector[None, :])

    def fold(self, events: Events, moments: Sequence[int], who: Sequence[tuple[str, str]]) -> None:
        """Fold events; `who` is each event's (lead, account), the account "" where none."""
        s = self._store
        trash = len(self._accounts)
        rows = [self._accounts[account].row if account else trash for _, account in who]
        out = np.empty((len(who), s.layout.width))
        own = events._replace(rows=np.array(rows, dtype=np.int64))
        kernel.replay(self._sums, own, s.half_lives, out)
        self._sums[trash] = 0.0
        vectors, kept = [], []
        for i, (lead, account) in enumerate(who):
            if account:
                self._see(account, lead, float(events.times[i]))
                vectors.append(self._vector(account, out[i]))
                kept.append(i)
        if kept:
            ids = [account_of(who[i][1]) for i in kept]
            self._sink.add(ids, [moments[i] for i in kept], np.array(vectors))

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
