"""A statechart: what a workflow's file says, compiled and held against itself."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from hashlib import sha256
from typing import NamedTuple

import msgspec

from domain.errors import BadConfiguration
from workflow.chart.facts import OF_EFFECTS
from workflow.chart.guards import Guard
from workflow.chart.spec import (
    MOST_STATES,
    MOST_TRANSITIONS,
    EffectSpec,
    StateSpec,
    TransitionSpec,
    WorkflowSpec,
)
from workflow.hours.calendar import DEFAULT, WorkingCalendar, calendars_of

ASSIGNED, UNASSIGNED = "assigned", "unassigned"
ANSWERS = frozenset({ASSIGNED, UNASSIGNED})
"""The events by which the question for an owner is answered."""


class ChartTransition(NamedTuple):
    """A transition, compiled; `place` names it in messages and in the journal."""

    place: str
    spec: TransitionSpec
    guard: Guard | None


class Statechart:
    """What a workflow's file says. Immutable.

    Raises BadConfiguration, with the key, where a name is not declared, a guard is none, or states
    contradict each other. `fingerprint` is a digest of all that decides.
    """

    def __init__(self, spec: WorkflowSpec, label: str = "") -> None:
        """`label` is a registered version's; without one it is the file's name and version."""
        self.spec = spec
        self.label = label or f"{spec.name}-{spec.version}"
        self.fingerprint = _fingerprint(spec)
        self.states: Mapping[str, StateSpec] = spec.states
        self.calendars: Mapping[str, WorkingCalendar] = calendars_of(spec.calendars)
        _check_sizes(spec)
        self._transitions = {
            (state, event): tuple(_compiled(state, event, transitions))
            for state, declared in spec.states.items()
            for event, transitions in declared.transitions.items()
        }
        self.requirements = {
            name: Guard(state.requires, f"$.states.{name}.requires")
            for name, state in spec.states.items()
            if state.requires
        }
        for fault in _faults(spec):
            raise fault

    def transitions(self, state: str, event: str) -> tuple[ChartTransition, ...]:
        """What an event may lead to from a state, in order."""
        return self._transitions.get((state, event), ())

    def events_of(self, state: str) -> tuple[str, ...]:
        """The events that a state takes."""
        return tuple(self.states[state].transitions)

    def guards(self) -> Iterator[Guard]:
        """All guards and requirements."""
        for transitions in self._transitions.values():
            yield from (t.guard for t in transitions if t.guard is not None)
        yield from self.requirements.values()

    def calendar(self, name: str) -> WorkingCalendar:
        """The calendar of that name; the default one where there is none."""
        return self.calendars.get(name) or self.calendars[DEFAULT]


def _fingerprint(spec: WorkflowSpec) -> str:
    return sha256(msgspec.json.encode(spec, order="sorted")).hexdigest()[:32]


def _compiled(
    state: str, event: str, transitions: tuple[TransitionSpec, ...]
) -> Iterator[ChartTransition]:
    for at, spec in enumerate(transitions):
        place = f"$.states.{state}.transitions.{event}[{at}]"
        guard = Guard(spec.when, f"{place}.when") if spec.when else None
        yield ChartTransition(f"{state}.{event}[{at}]", spec, guard)


def _check_sizes(spec: WorkflowSpec) -> None:
    if len(spec.states) > MOST_STATES:
        raise _bad(f"it has {len(spec.states)} states, at most {MOST_STATES} may be", "$.states")
    count = sum(len(ts) for state in spec.states.values() for ts in state.transitions.values())
    if count > MOST_TRANSITIONS:
        raise _bad(f"it has {count} transitions, at most {MOST_TRANSITIONS} may be", "$.states")


def _faults(spec: WorkflowSpec) -> Iterator[BadConfiguration]:
    if spec.initial not in spec.states:
        yield _unknown("state", spec.initial, spec.states, "$.initial")
    yield from _reserved(spec)
    for name, state in spec.states.items():
        place = f"$.states.{name}"
        yield from _of_state(spec, state, place)
        for event, transitions in state.transitions.items():
            key = f"{place}.transitions.{event}"
            if event not in spec.events and event not in state.timers and event not in ANSWERS:
                known = [*spec.events, *state.timers, *ANSWERS]
                yield _unknown("event", event, known, key)
            for at, transition in enumerate(transitions):
                yield from _of_transition(spec, event, transition, f"{key}[{at}]")
    for at, rule in enumerate(spec.migrates):
        place = f"$.migrates[{at}]"
        if rule.from_version >= spec.version:
            what = f"version {rule.from_version} is no former one of {spec.version}"
            yield _bad(what, f"{place}.from_version")
        for old, new in rule.states.items():
            if new not in spec.states:
                yield _unknown("state", new, spec.states, f"{place}.states.{old}")


def _reserved(spec: WorkflowSpec) -> Iterator[BadConfiguration]:
    for event in spec.events:
        if event in ANSWERS:
            yield _bad(f"{event} is raised by the workflow itself", f"$.events.{event}")
        if any(event in state.timers for state in spec.states.values()):
            yield _bad(f"{event} is declared as an event, and is a timer", f"$.events.{event}")


def _of_state(spec: WorkflowSpec, state: StateSpec, place: str) -> Iterator[BadConfiguration]:
    if state.final and (state.transitions or state.timers or state.assign):
        yield _bad("a final state has transitions, timers, or asks for an owner", place)
    for name in state.after:
        if name not in spec.states:
            yield _unknown("state", name, spec.states, f"{place}.after")
    for event in state.timers:
        if event not in state.transitions:
            yield _bad(f"timer {event} raises an event that the state does not take", place)
    yield from _of_effects(state.effects, f"{place}.effects")


def _of_transition(
    spec: WorkflowSpec, event: str, transition: TransitionSpec, place: str
) -> Iterator[BadConfiguration]:
    if transition.to is not None and transition.to not in spec.states:
        yield _unknown("state", transition.to, spec.states, f"{place}.to")
    elif event in ANSWERS and _asks(spec, transition):
        yield _bad("an assignment leads to the question for another owner", place)
    if transition.to is None and not transition.assign and not transition.effects:
        yield _bad("a transition leads nowhere, asks for no owner and has no effect", place)
    yield from _of_effects(transition.effects, f"{place}.effects")


def _asks(spec: WorkflowSpec, transition: TransitionSpec) -> bool:
    return transition.assign or (transition.to is not None and spec.states[transition.to].assign)


def _of_effects(effects: tuple[EffectSpec, ...], place: str) -> Iterator[BadConfiguration]:
    for at, effect in enumerate(effects):
        for field, fact in effect.fields.items():
            if fact not in OF_EFFECTS:
                yield _unknown("fact", fact, OF_EFFECTS, f"{place}[{at}].fields.{field}")
            if field in effect.values:
                yield _bad(f"field {field} has a fact and a value", f"{place}[{at}].fields")


def _unknown(kind: str, name: str, known: object, key: str) -> BadConfiguration:
    names = sorted(str(each) for each in known)  # type: ignore[attr-defined]
    close = get_close_matches(name, names, n=1)
    todo = f"Did you mean {close[0]}?" if close else f"Those there are: {', '.join(names)}."
    return BadConfiguration(
        f"there is no {kind} {name}", rule=f"workflow-{kind}", key=key, todo=todo
    )


def _bad(what: str, key: str) -> BadConfiguration:
    return BadConfiguration(
        what, rule="workflow-file", key=key, todo="docs/workflow.md tells every key."
    )
