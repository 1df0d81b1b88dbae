"""Which families and attributes an event feeds: a definition, compiled per event type."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from domain.clock import SECOND
from domain.definition import Family, FeatureDefinition
from domain.signals import EventT
from domain.state import CELL, OWN_ACTION, Events, Layout, layout_of, mark_of
from signals.events.validation import ValidEvent

Conditions = tuple[tuple[str, Any], ...]


class Upcaster(Protocol):
    """What gives an event at the newest version of its type."""

    def __call__(self, signal: EventT, /) -> EventT:
        """The event at the newest version of its type."""
        ...


def as_it_is(signal: EventT) -> EventT:
    """The signal."""
    return signal


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to look at in the data of one event type."""

    families: tuple[tuple[int, Conditions, str | None], ...]
    sets: tuple[tuple[int, Conditions, str], ...]
    numbers: tuple[tuple[int, str], ...]
    texts: tuple[tuple[int, str], ...]
    closing: str


@dataclass(slots=True)
class MatchedColumns:
    """Matched events, column by column, as `domain.state.Events` has them.

    `texts` holds (event, attribute, value) triples; the attribute after the last is the outcome
    that closed the lead.
    """

    rows: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    ties: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    families: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    number_starts: list[int] = field(default_factory=lambda: [0])
    number_slots: list[int] = field(default_factory=list)
    number_values: list[float] = field(default_factory=list)
    texts: list[tuple[int, int, str]] = field(default_factory=list)

    def events(self) -> Events:
        """The same as arrays."""
        return Events(
            rows=np.array(self.rows, dtype=np.int64),
            times=np.array(self.times, dtype=np.float64),
            ties=np.array(self.ties, dtype=np.float64),
            starts=np.array(self.starts, dtype=np.int64),
            families=np.array(self.families, dtype=np.int64),
            values=np.array(self.values, dtype=np.float64),
            number_starts=np.array(self.number_starts, dtype=np.int64),
            number_slots=np.array(self.number_slots, dtype=np.int64),
            number_values=np.array(self.number_values, dtype=np.float64),
        )


class Matcher:
    """Turns signals into columns, by a definition."""

    def __init__(self, definition: FeatureDefinition, upcast: Upcaster = as_it_is) -> None:
        """`upcast` gives a signal at its type's newest version."""
        self.definition = definition
        self._upcast = upcast
        self._closing = closing_namer(definition)
        self._outcome_at = len(definition.texts)
        self.layout: Layout = layout_of(definition)
        self._plans: dict[str, _Plan] = {}
        self._plans_of_actions: dict[str, _Plan] = {}
        self._apart = definition.our_actions == "apart"

    def add(self, accepted: ValidEvent, row: int, to: MatchedColumns) -> None:
        """Append an event and what it feeds; `row` is the state that it will be folded into."""
        to.rows.append(row)
        to.times.append(accepted.time_us / SECOND)
        to.ties.append(accepted.tie)
        self.match(accepted.signal, to)

    def match(self, signal: EventT, to: MatchedColumns) -> None:
        """Append what an event feeds, and nothing else of it."""
        signal = self._upcast(signal)
        plan, data = self._plan(signal, to), signal.data
        for family, conditions, value in plan.families:
            if not conditions or _hold(conditions, data):
                to.families.append(family)
                to.values.append(_number(data.get(value)) if value else 0.0)
        for slot, conditions, name in plan.sets:
            field_value = data.get(name)
            if field_value is not None and (not conditions or _hold(conditions, data)):
                word, bit = _mark(str(field_value))
                to.number_slots.append(-(slot + word))
                to.number_values.append(bit)
        for slot, name in plan.numbers:
            if (field_value := data.get(name)) is not None and math.isfinite(
                number := _number(field_value)
            ):
                to.number_slots.append(slot)
                to.number_values.append(number)
        for attribute, name in plan.texts:
            if (field_value := data.get(name)) is not None:
                to.texts.append((len(to.starts) - 1, attribute, str(field_value)))
        if plan.closing:
            to.texts.append((len(to.starts) - 1, self._outcome_at, plan.closing))
        to.starts.append(len(to.families))
        to.number_starts.append(len(to.number_slots))

    def _plan(self, signal: EventT, to: MatchedColumns) -> _Plan:
        """The plan of an event; that an action of ours caused it is noted, where that counts."""
        kind, action = signal.type, signal.actionid
        if action is None or not self._apart or not action or not isinstance(action, str):
            return self._plans.get(kind) or self._compile(kind)
        to.families.append(OWN_ACTION)
        to.values.append(0.0)
        return self._plans_of_actions.get(kind) or self._compile(kind, ours=True)

    def _compile(self, event_type: str, *, ours: bool = False) -> _Plan:
        """What to look at in a type's data; `ours`: of events that actions of ours caused."""
        d = self.definition

        # the most particular family first: it is the event's step in the sequence
        def order(family: Family) -> int:
            return -len(family.where)

        families = [
            f
            for f in d.families
            if _matches(event_type, f.types) and (f.of_actions == ours or not self._apart)
        ]
        plan = _Plan(
            families=tuple(
                (d.families.index(f), tuple(f.where.items()), f.value)
                for f in sorted(families, key=order)
            ),
            sets=tuple(
                (self.layout.sets_at + CELL * i, tuple(f.where.items()), f.distinct)
                for i, f in enumerate(d.sets)
                if f.distinct and f in families
            ),
            numbers=tuple(
                (self.layout.numbers_at + CELL * i, a.field)
                for i, a in enumerate(d.numbers)
                if _matches(event_type, a.types)
            ),
            texts=tuple(
                (i, a.field) for i, a in enumerate(d.texts) if _matches(event_type, a.types)
            ),
            closing=self._closing(event_type) or "",
        )
        (self._plans_of_actions if ours else self._plans)[event_type] = plan
        return plan


def outcome_namer(definition: FeatureDefinition) -> Callable[[str], str | None]:
    """A function from event type to the name of the outcome it means, if any."""
    named = {t: o.name for o in definition.outcomes for t in o.types}
    return named.get


def closing_namer(definition: FeatureDefinition) -> Callable[[str], str | None]:
    """A function from event type to the name of the outcome that closes a lead, if any."""
    named = {t: o.name for o in definition.outcomes if o.closes for t in o.types}
    return named.get


LONGEST_REMEMBERED = 256
"""Characters of a value whose mark is remembered: whoever sends longer ones fills no memory."""
_mark_of = lru_cache(maxsize=1 << 14)(mark_of)


def _mark(value: str) -> tuple[int, float]:
    return _mark_of(value) if len(value) <= LONGEST_REMEMBERED else mark_of(value)


def _matches(event_type: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(event_type, p) for p in patterns)


def _hold(conditions: Conditions, data: Mapping[str, Any]) -> bool:
    for name, wanted in conditions:  # noqa: SIM110 - a generator takes three times as long
        if data.get(name) != wanted:
            return False
    return True


def _number(value: object) -> float:
    """A number from event data; what is none counts as nothing."""
    if isinstance(value, bool | int | float):
        return float(value)
    return math.nan if value is not None else 0.0
