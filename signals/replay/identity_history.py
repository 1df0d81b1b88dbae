"""Identities over time: the resolver replayed event by event, with each identifier's events."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from domain.identifiers import lead_id
from domain.state import Index
from signals.events import event_log
from signals.events.validation import ValidEvent
from signals.identity.link_graph import Keys
from signals.identity.merges_and_splits import Rearrangement, rearrangement
from signals.identity.resolver import Resolved, Resolver
from signals.identity.store import read_decisions
from signals.ingest.transactions import Writer

NEVER = 1 << 62
_NO_CHANGE = Rearrangement({}, set(), {})


@dataclass(frozen=True, slots=True)
class Rearranged:
    """A change of identities: leads that ended in another, leads that were torn.

    `events` are all events so far of the torn leads, `lead_of` the lead each belongs to now.
    `went` is one lead that each torn lead's events went to. `moved` are the numbers of the sets
    of keys whose events may belong to another lead now.
    """

    ended: dict[str, str]
    torn: set[str]
    moved: list[int]
    events: list[ValidEvent] = field(default_factory=list)
    lead_of: list[str] = field(default_factory=list)
    went: dict[str, str] = field(default_factory=dict)


class PeopleHistory:
    """Follows identity in the order in which events became known, decisions to split included.

    Sets of keys go by numbers, from 0 in the order in which they are met.
    """

    def __init__(self, writer: Writer) -> None:
        self._engine = writer.engine
        self._resolver = Resolver(writer.identities.resolver.protections)
        self._keys: list[Keys] = []
        self._sequences: list[array[int]] = []
        self._homed: dict[str, list[int]] = {}
        self._members: dict[str, set[str]] = {}
        self._names: dict[str, str] = {}
        with self._engine.connect() as connection:
            self._decisions = read_decisions(connection)

    @property
    def next_decision_us(self) -> int:
        """When the next decision to split was made; a moment beyond all events after the last."""
        return self._decisions[-1][0] if self._decisions else NEVER

    def decide(self, since: "EventSpan") -> Rearranged | None:
        """Apply the next decision; returns what it changes. `since` are events not yet counted."""
        _, sides = self._decisions.pop()
        for key, stands in sides.items():
            self._resolver.sides.setdefault(key, {}).update(stands)
        known = {key for key in sides if key in self._resolver.leads}
        return self._change(self._resolver.resolve(known), since)

    def meet(self, sets: Sequence[Keys], since: "EventSpan") -> Rearranged | None:
        """Take in new sets of keys; returns what they change for earlier ones."""
        change = self._change(self._resolver.add(sets), since)
        for keys in sets:
            self._homed.setdefault(self._resolver.route(keys), []).append(len(self._keys))
            self._keys.append(keys)
            self._sequences.append(array("q"))
        return change

    def count(self, since: "EventSpan") -> None:
        """Note the events of a part of the log, once each."""
        order = np.argsort(since.sets, kind="stable")
        sets, sequences = since.sets[order], since.sequences[order]
        starts = np.flatnonzero(np.diff(sets, prepend=-1)).tolist()
        for at, end in zip(starts, [*starts[1:], len(sets)], strict=True):
            self._sequences[sets[at]].frombytes(sequences[at:end].tobytes())

    def lead_of(self, number: int) -> str:
        """The lead that events with this set of keys belong to."""
        return self._resolver.leads[self._resolver.route(self._keys[number])]

    def lead_named(self, lead: str) -> str:
        """The lead of now that an id, current or ended, stands for."""
        return self._resolver.leads[self._names[lead]]

    def _change(self, resolved: Resolved, since: "EventSpan") -> Rearranged | None:
        if not resolved.moves and not resolved.flipped:
            return None
        news = not resolved.flipped and all(not before for _, before, _ in resolved.moves)
        change = _NO_CHANGE if news else rearrangement(resolved, self._resolver)
        torn_keys = {lead: self._members.get(lead, set()).copy() for lead in change.torn}
        moved: list[int] = []
        for key, before, after in resolved.moves:
            if before:
                self._members[before].discard(key)
                moved += self._homed.get(key, ())
            self._members.setdefault(after, set()).add(key)
            if after == lead_id(key):
                self._names[after] = key
        if not change.ended and not change.torn:
            return None
        torn = {
            number: lead
            for lead, keys in torn_keys.items()
            for key in keys
            for number in self._homed.pop(key, ())
        }
        for number in torn:
            self._homed.setdefault(self._resolver.route(self._keys[number]), []).append(number)
        out = Rearranged(change.ended, change.torn, [*moved, *torn])
        if torn:
            self._tell_events(out, torn, since)
        return out

    def _tell_events(self, out: Rearranged, torn: dict[int, str], since: "EventSpan") -> None:
        """Find all events so far of sets of keys, given with the leads that they were of."""
        was: dict[int, str] = {}
        for number, lead in torn.items():
            was.update(dict.fromkeys(self._sequences[number], lead))
        recent = np.flatnonzero(np.isin(since.sets, list(torn)))
        for at in recent.tolist():
            was[int(since.sequences[at])] = torn[int(since.sets[at])]
        for event in event_log.read_sequences(self._engine, sorted(was)):
            now = self._resolver.leads[self._resolver.route(event.known.keys)]
            out.events.append(event)
            out.lead_of.append(now)
            out.went.setdefault(was[event.sequence], now)


@dataclass(frozen=True, slots=True)
class EventSpan:
    """Events of a part of the log: their numbers, and those of their sets of keys."""

    sequences: Index
    sets: Index
