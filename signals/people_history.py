"""Who was who, event by event: the resolver replayed, with the events of each identifier."""

from array import array
from dataclasses import dataclass, field

from domain.identifiers import lead_id
from signals import log
from signals.identities import read_decisions
from signals.reading import Accepted
from signals.rearranging import rearrangement
from signals.resolution import Keys, Resolved, Resolver
from signals.writer import Writer


@dataclass(frozen=True, slots=True)
class Rearranged:
    """A change of who is who: leads that ended in another, leads that were torn.

    `events` are all events so far of the torn leads, `lead_of` the lead each belongs to now.
    `went` is one lead that each torn lead's events went to.
    """

    ended: dict[str, str]
    torn: set[str]
    events: list[Accepted] = field(default_factory=list)
    lead_of: list[str] = field(default_factory=list)
    went: dict[str, str] = field(default_factory=dict)


class PeopleHistory:
    """Follows identity in the order in which events became known, decisions to split included."""

    def __init__(self, writer: Writer) -> None:
        self._engine = writer.engine
        self._resolver = Resolver(writer.identities.resolver.protections)
        self._seen: set[Keys] = set()
        self._events: dict[str, array[int]] = {}
        self._members: dict[str, set[str]] = {}
        self._names: dict[str, str] = {}
        with self._engine.connect() as connection:
            self._decisions = read_decisions(connection)

    def add(self, event: Accepted) -> list[Rearranged]:
        """Take an event in; the changes of who is who that it, or a decision before it, brings."""
        changes = []
        while self._decisions and self._decisions[-1][0] <= event.known_us:
            _, sides = self._decisions.pop()
            for key, stands in sides.items():
                self._resolver.sides.setdefault(key, {}).update(stands)
            known = [key for key in sides if key in self._resolver.leads]
            changes.append(self._change(self._resolver.resolve(known)))
        if event.known.keys not in self._seen:  # what is no news changes nothing
            self._seen.add(event.known.keys)
            changes.append(self._change(self._resolver.add([event.known.keys])))
        home = self._resolver.route(event.known.keys)
        self._events.setdefault(home, array("q")).append(event.sequence)
        return [change for change in changes if change is not None]

    def lead_of(self, keys: Keys) -> tuple[str, str]:
        """The lead that an event with these keys belongs to, and the key that says so."""
        home = self._resolver.route(keys)
        return self._resolver.leads[home], home

    def lead_named(self, lead: str) -> str:
        """The lead of now that an id, current or ended, stands for."""
        return self._resolver.leads[self._names[lead]]

    def _change(self, resolved: Resolved) -> Rearranged | None:
        if not resolved.moves and not resolved.flipped:
            return None
        change = rearrangement(resolved, self._resolver)
        torn_keys = {lead: self._members.get(lead, set()).copy() for lead in change.torn}
        for key, before, after in resolved.moves:
            if before:
                self._members[before].discard(key)
            self._members.setdefault(after, set()).add(key)
            if after == lead_id(key):
                self._names[after] = key
        if not change.ended and not change.torn:
            return None
        held = {
            sequence: lead
            for lead, keys in torn_keys.items()
            for key in keys
            for sequence in self._events.pop(key, ())
        }
        return self._reroute(Rearranged(change.ended, change.torn), held)

    def _reroute(self, out: Rearranged, held: dict[int, str]) -> Rearranged:
        """Find all events of torn leads, given as sequence to lead, their new homes."""
        for event in log.read_sequences(self._engine, sorted(held)):
            now, home = self.lead_of(event.known.keys)
            self._events.setdefault(home, array("q")).append(event.sequence)
            out.events.append(event)
            out.lead_of.append(now)
            out.went.setdefault(held[event.sequence], now)
        return out
