"""Feature states that can be read even while the online store is away.

States that the store returned are kept for a while, by lead. When the store fails, or is skipped
because it failed recently, leads get their last known states, and leads without any only their
profile. So do leads that the store does not have yet.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

import numpy as np

from domain.circuit_breaker import CircuitBreaker
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
    """One lead's states, and why they are not the store's own."""

    lead: Vector
    account: Vector
    texts: Sequence[str]
    known_us: int
    degraded: str


_Kept = tuple[bytes, bytes, Sequence[str], int, str, float]
"""A lead's state, its account's, texts, when known; of which account, read at which second."""


class FallbackStateReader:
    """A StateReader around another one, which says which rows are degraded. Thread-safe."""

    def __init__(
        self,
        inner: StateReader,
        profiles: ProfileReader,
        breaker: CircuitBreaker,
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
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def read(self, leads: Sequence[LeadRef]) -> LeadStates:
        """States of leads. Raises Unavailable where not even profiles can be read."""
        if not leads:
            return self._inner.read(leads)
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
        # bytes of their own: a view of a row would keep the whole batch in memory
        own, account = states.leads.tobytes(), states.accounts.tobytes()
        wide, wider = len(own) // len(leads), len(account) // len(leads)
        now, most, kept = self._monotonic(), self._keeping.leads, self._kept
        with self._lock:
            for i, lead in enumerate(leads):
                if states.known_us[i]:
                    kept[lead.lead_id] = (
                        own[i * wide : (i + 1) * wide],
                        account[i * wider : (i + 1) * wider],
                        states.texts[i],
                        states.known_us[i],
                        lead.account_id,
                        now,
                    )
                    kept.move_to_end(lead.lead_id)
            while len(kept) > most:
                kept.popitem(last=False)

    def _mended(self, leads: Sequence[LeadRef], states: LeadStates) -> LeadStates:
        """States with something instead of those that the store does not hold, but should."""
        rows = _rows(states, "")
        missing = [i for i, known_us in enumerate(states.known_us) if not known_us]
        for i, row in zip(missing, self._instead([leads[i] for i in missing]), strict=True):
            if row.known_us:  # else nobody knows more of it
                rows[i] = row
        return _states(rows)

    def _instead(self, leads: Sequence[LeadRef]) -> list[_Row]:
        """The states that leads get where the store returns none."""
        rows = [self._last(lead) for lead in leads]
        lacking = [lead for lead, row in zip(leads, rows, strict=True) if row is None]
        profile_rows = _rows(self._profiles.profiles(lacking), PROFILE_ONLY) if lacking else []
        others = iter(profile_rows)
        return [row if row is not None else next(others) for row in rows]

    def _last(self, lead: LeadRef) -> _Row | None:
        """What was read last of a lead, if that is not too long ago and of the same account."""
        with self._lock:
            kept = self._kept.get(lead.lead_id)
        if kept is None:
            return None
        own, account, texts, known_us, account_id, read_s = kept
        if account_id != lead.account_id or self._monotonic() - read_s > self._keeping.seconds:
            return None
        return _Row(np.frombuffer(own), np.frombuffer(account), texts, known_us, LAST_KNOWN)


def _rows(states: LeadStates, degraded: str) -> list[_Row]:
    columns = zip(states.leads, states.accounts, states.texts, states.known_us, strict=True)
    return [_Row(*one, degraded) for one in columns]


def _states(rows: Sequence[_Row]) -> LeadStates:
    return LeadStates(
        leads=np.array([row.lead for row in rows]),
        accounts=np.array([row.account for row in rows]),
        texts=[row.texts for row in rows],
        known_us=[row.known_us for row in rows],
        degraded=[row.degraded for row in rows],
    )
