"""What was known of a lead at a moment, the slow and obvious way: straight from the raw log."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine

from domain.definition import FeatureDefinition
from domain.signals import Signal
from domain.state import PEOPLE, Vector, empty, event_digest, fold, half_lives_of, layout_of, tie_of
from feature_repo.features import categories, numbers
from signals.events import event_log
from signals.events.feature_matching import MatchedColumns, Matcher
from signals.identifiers.limits import ResolutionLimits
from signals.identity.link_graph import Keys
from signals.identity.resolver import Resolver
from tests.features.events import accepted


@dataclass(frozen=True)
class Known:
    """One event as the log has it."""

    known_us: int
    keys: Keys
    account: str
    signal: Signal


def leads_of(events: Iterable[Known]) -> dict[str, list[Known]]:
    """Events grouped by lead, the identity of all of them resolved at once, from nothing."""
    held, resolver = list(events), Resolver(ResolutionLimits())
    resolver.add([event.keys for event in held])
    groups: dict[str, list[Known]] = {}
    for event in held:
        lead = resolver.leads[resolver.route(event.keys)]
        groups.setdefault(lead, []).append(event)
    return groups


def account_key(events: Sequence[Known]) -> str:
    return min((e.account for e in events if e.account), default="")


class Log:
    """A log, and what it says of leads at moments."""

    def __init__(self, definition: FeatureDefinition, events: Sequence[Known]) -> None:
        self.definition = definition
        self.events = list(events)
        self.layout = layout_of(definition)
        self._matcher = Matcher(definition)
        self._at: dict[int, dict[str, list[Known]]] = {}

    @classmethod
    def read(cls, definition: FeatureDefinition, engine: Engine) -> "Log":
        rows = [row for part in event_log.read(engine) for row in part]
        held = [Known(r.known_us, r.known.keys, r.known.account, r.signal) for r in rows]
        return cls(definition, held)

    def people(self, moment_us: int) -> dict[str, list[Known]]:
        """Every lead at a moment with its events, from what was known by then alone."""
        if moment_us not in self._at:
            known = [e for e in self.events if e.known_us <= moment_us]
            self._at[moment_us] = leads_of(known)
        return self._at[moment_us]

    def account(self, lead: str, moment_us: int) -> str:
        """The account id of a lead at a moment; "" where none."""
        return account_key(self.people(moment_us).get(lead, []))[1:]

    def features(self, lead: str, moment_us: int) -> tuple[Vector, list[str]]:
        """Number features [features] and category features of a lead at a moment."""
        people = self.people(moment_us)
        mine = people.get(lead, [])
        key = account_key(mine)
        group = [events for events in people.values() if key and account_key(events) == key]
        state, moment = self._folded(mine), np.array([moment_us / 1_000_000])
        named = numbers(self.definition, state, self._account(group), moment)
        return named[0], categories(self.definition, state, [self._texts(mine)])[0]

    def _folded(self, events: Sequence[Known]) -> Vector:
        columns, states = MatchedColumns(), empty(self.layout, 1)
        for event in events:
            self._matcher.add(accepted(event.signal), 0, columns)
        fold(states, columns.events(), 0, len(events), half_lives_of(self.definition))
        return states

    def _account(self, group: Sequence[Sequence[Known]]) -> Vector:
        """The account's vector [1, account width]; zeros where nobody is known there."""
        vector = np.zeros((1, self.layout.account_width))
        if group:
            width = self.layout.width
            vector[:, :width] = self._folded([e for events in group for e in events])
            vector[:, width] = len(group)
            newest = sorted(map(self._seen, group), reverse=True)[:PEOPLE]
            lasts, active = zip(*newest, strict=True)
            vector[0, width + 1 : width + 1 + len(newest)] = lasts
            vector[0, width + 1 + PEOPLE : width + 1 + PEOPLE + len(newest)] = active
        return vector

    def _seen(self, events: Sequence[Known]) -> tuple[int, float]:
        """A person's last whole second, and the decayed count of all events as of that."""
        lives = self.definition.half_lives_days
        life = lives[len(lives) // 2] * 86_400
        times = [e.signal.time_us() / 1_000_000 for e in events if not e.signal.actionid]
        last = math.floor(max(times, default=0.0))
        return last, math.fsum(math.pow(0.5, (last - t) / life) for t in times)

    def _texts(self, events: Sequence[Known]) -> list[str]:
        """The last text written to each attribute, then the last outcome."""
        held = []
        for attribute in self.definition.texts:
            written = [
                (*_order(e), str(value))
                for e in events
                if e.signal.type in attribute.types
                and (value := e.signal.data.get(attribute.field)) is not None
            ]
            held.append(max(written)[-1] if written else "")
        outcomes = [
            (*_order(e), o.name)
            for e in events
            for o in self.definition.outcomes
            if e.signal.type in o.types
        ]
        return [*held, max(outcomes)[-1] if outcomes else ""]


def _order(event: Known) -> tuple[int, float]:
    return event.signal.time_us(), tie_of(event_digest(event.signal.source, event.signal.id))
