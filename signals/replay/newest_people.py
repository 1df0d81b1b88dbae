"""The newest people of each account, kept without reading all of them."""

from bisect import insort
from heapq import heapify, heappop, heappush
from typing import Protocol

import numpy as np

from domain.state import PEOPLE

_Entry = tuple[float, str, int]
"""(-second, name, lead): the smaller, the newer."""


class Belonging(Protocol):
    """Who belongs to which account; accounts and leads go by numbers."""

    names: list[str]
    members: list[set[int]]


class NewestPeople:
    """At most PEOPLE leads of each account, in order, and a heap of those that come after them.

    An event costs a place among those few, and a step of the heap only where somebody else comes
    among them. What no longer holds is left until it is met.
    """

    def __init__(self, people: Belonging) -> None:
        self._people = people
        self._first: dict[int, list[_Entry]] = {}
        self.heaps: dict[int, list[_Entry]] = {}
        self._second: dict[int, float] = {}

    def see(self, account: int, lead: int, last_s: float) -> None:
        """Note the newest event of a person of an account."""
        if self._second.get(lead) != np.floor(last_s):
            self.join(account, lead, last_s)

    def join(self, account: int, lead: int, last_s: float) -> None:
        """Add a person to an account."""
        first = self._first.setdefault(account, [])
        heap = self.heaps.setdefault(account, [])
        first[:] = [entry for entry in first if entry[2] != lead]
        self._second[lead] = float(np.floor(last_s))
        entry = self._entry(lead)
        # no entry of the heap that holds is newer than the last of the first
        if (first and entry < first[-1]) or (not heap and len(first) < PEOPLE):
            insort(first, entry)
            if len(first) <= PEOPLE:
                return
            entry = first.pop()
        heappush(heap, entry)
        if len(heap) > 2 * len(self._people.members[account]) + 4 * PEOPLE:
            self._make_anew(account)

    def of(self, account: int) -> list[int]:
        """At most PEOPLE leads, newest first; of those of one second, in the order of names."""
        first, heap = self._first.get(account, []), self.heaps.get(account, [])
        members = self._people.members[account]
        if not all(entry[2] in members for entry in first):
            first[:] = [entry for entry in first if entry[2] in members]
        while heap and len(first) < PEOPLE:
            entry = heappop(heap)
            if entry[2] in members and entry == self._entry(entry[2]) and entry not in first:
                first.append(entry)
        return [entry[2] for entry in first]

    def _make_anew(self, account: int) -> None:
        """Rebuild the heap from the people of the account that are not among the first."""
        first = {entry[2] for entry in self._first[account]}
        members = self._people.members[account]
        self.heaps[account] = [self._entry(one) for one in members if one not in first]
        heapify(self.heaps[account])

    def _entry(self, lead: int) -> _Entry:
        return -self._second.get(lead, 0.0), self._people.names[lead], lead
