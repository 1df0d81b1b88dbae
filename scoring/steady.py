"""Feature states that are there even while the online store is not.

What the store gave is kept for a while, by lead; when it fails, or is left alone because it failed
of late, leads get their last known states, and those without any their profile alone. So do leads
that the store lost: it answers, empty, after it was made anew.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import numpy as np

from domain.breaker import Breaker
from domain.errors import Unavailable
from domain.ports import (
    LAST_KNOWN,
    PROFILE_ONLY,
    LeadRef,
    LeadStates,
    ProfileReader,
    StateReader,
)
from domain.state import Vector


@dataclass(frozen=True, slots=True)
class Keeping:
    """How many leads' states are kept, and how old, in seconds, they may be to be used."""

    leads: int = 10_000
    seconds: float = 900.0


class _Row(NamedTuple):
    """One lead's states, as read; `read_s` by a monotonic clock."""

    lead: Vector
    account: Vector
    texts: Sequence[str]
    known_us: int
    account_id: str
    read_s: float
    degraded: str = LAST_KNOWN


class SteadyStates:
    """A StateReader round another, that says which rows are degraded. For many threads."""

    def __init__(
        self,
        inner: StateReader,
        profiles: ProfileReader,
        breaker: Breaker,
        monotonic: Callable[[], float],
        keeping: Keeping,
    ) -> None:
        """`inner` must bound its waits itself, and raise Unavailable."""
        self.breaker = breaker
        self._inner = inner
        self._profiles = profiles
        self._monotonic = monotonic
        self._keeping = keeping
        self._lock = Lock()
        self._kept: OrderedDict[str, _Row] = OrderedDict()

    def read(self, leads: Sequence[LeadRef]) -> LeadStates:
        """States of leads. Raises Unavailable where not even profiles can be read."""
        if self.breaker.allows():
            try:
                states = self._inner.read(leads)
            except Unavailable:
                self.breaker.failed()
            else:
                self.breaker.worked()
                self._keep(leads, states)
                return self._mended(leads, states) if 0 in states.known_us else states
        return _states(self._instead(leads))

    def _keep(self, leads: Sequence[LeadRef], states: LeadStates) -> None:
        now, most = self._monotonic(), self._keeping.leads
        with self._lock:
            for i, lead in enumerate(leads):
                if not states.known_us[i]:
                    continue
                # copies: a view would keep the whole batch in memory
                self._kept[lead.lead_id] = _Row(
                    states.leads[i].copy(),
                    states.accounts[i].copy(),
                    states.texts[i],
                    states.known_us[i],
                    lead.account_id,
                    now,
                )
                self._kept.move_to_end(lead.lead_id)
            while len(self._kept) > most:
                self._kept.popitem(last=False)

    def _mended(self, leads: Sequence[LeadRef], states: LeadStates) -> LeadStates:
        """States with something instead of those that the store does not hold, but should."""
        rows = _rows(states, "")
        gone = [i for i, known_us in enumerate(states.known_us) if not known_us]
        for i, row in zip(gone, self._instead([leads[i] for i in gone]), strict=True):
            if row.known_us:  # else nobody knows more of it
                rows[i] = row
        return _states(rows)

    def _instead(self, leads: Sequence[LeadRef]) -> list[_Row]:
        """What leads get where the store gives nothing."""
        rows = [self._last(lead) for lead in leads]
        lacking = [lead for lead, row in zip(leads, rows, strict=True) if row is None]
        found = _rows(self._profiles.profiles(lacking), PROFILE_ONLY) if lacking else []
        others = iter(found)
        return [row if row is not None else next(others) for row in rows]

    def _last(self, lead: LeadRef) -> _Row | None:
        """What was read last of a lead, if that is not too long ago and of the same account."""
        with self._lock:
            row = self._kept.get(lead.lead_id)
        if row is None or row.account_id != lead.account_id:
            return None
        return row if self._monotonic() - row.read_s <= self._keeping.seconds else None


def _rows(states: LeadStates, degraded: str) -> list[_Row]:
    columns = zip(states.leads, states.accounts, states.texts, states.known_us, strict=True)
    return [_Row(*one, "", 0.0, degraded) for one in columns]


def _states(rows: Sequence[_Row]) -> LeadStates:
    return LeadStates(
        leads=np.array([row.lead for row in rows]),
        accounts=np.array([row.account for row in rows]),
        texts=[row.texts for row in rows],
        known_us=[row.known_us for row in rows],
        degraded=[row.degraded for row in rows],
    )
