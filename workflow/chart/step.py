"""The step: what an event makes of a lead. A pure function; it reads no clock and no store."""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from workflow.chart.facts import FACTS
from workflow.chart.guards import GuardFacts
from workflow.chart.lead_state import StepKind, Timer, WorkflowEvent, WorkflowLead
from workflow.chart.spec import EffectSpec, StateSpec, WorkflowSpec
from workflow.chart.statechart import ANSWERS, ASSIGNED, ChartTransition, Statechart
from workflow.effect import Effect

MOST_ATTEMPTS = 1_000
MOST_FORMER = 16
_replace = msgspec.structs.replace
_OF_DECISION = tuple(name for name in FACTS if name not in ("attempts", "owned"))


class LeadStep(NamedTuple):
    """What became of a lead: it, the effects that are asked for, and when it is due next.

    `transition` is the place of the one that was taken, "" where none was.
    """

    lead: WorkflowLead
    effects: tuple[Effect, ...]
    due_us: int | None
    kind: StepKind
    transition: str = ""


def begin(chart: Statechart, lead_id: str, account_id: str, now_us: int) -> WorkflowLead:
    """A lead that enters the workflow."""
    lead = WorkflowLead(lead_id=lead_id, account_id=account_id, chart=chart.fingerprint)
    return _entered(chart, lead, chart.spec.initial, now_us)


def step(chart: Statechart, lead: WorkflowLead, event: WorkflowEvent, now_us: int) -> LeadStep:
    """What an event makes of a lead at a moment.

    The same lead, event and moment give the same, always. A timer that is not due, or does not
    run any more, is ignored, and so is what the state has no transition for; a decision's facts
    are kept in any case. Raises BadConfiguration where a guard cannot be evaluated.
    """
    known = _informed(lead, event)
    running = _running(lead, event.name)
    if running is not None and running.due_us > now_us:
        return LeadStep(lead, (), lead.due_us, "ignored")
    if running is None and event.name in _timer_events(chart, lead.state):
        return LeadStep(lead, (), lead.due_us, "ignored")
    if event.name in ANSWERS and not lead.asks:
        return LeadStep(lead, (), lead.due_us, "ignored")
    if running is not None:
        known = _fired(chart, known, running, now_us)
    if event.name in ANSWERS:
        known = _replace(known, asks=False)
    transition = choose(chart, known, event.name, now_us)
    if transition is None:
        if known == lead:
            return LeadStep(lead, (), lead.due_us, "ignored")
        moved = _replace(known, revision=lead.revision + 1)
        return LeadStep(moved, (), moved.due_us, "stayed")
    return _follow(chart, lead, known, transition, event, now_us)


def choose(
    chart: Statechart, lead: WorkflowLead, event: str, now_us: int
) -> ChartTransition | None:
    """The transition that an event takes; None where none does."""
    facts: GuardFacts | None = None
    for transition in chart.transitions(lead.state, event):
        if not _cool(chart, lead, transition, now_us):
            continue
        if transition.guard is None:
            return transition
        facts = guard_facts(lead) if facts is None else facts
        if transition.guard.holds(facts):
            return transition
    return None


def guard_facts(lead: WorkflowLead) -> GuardFacts:
    """What a guard reads of a lead."""
    facts: dict[str, float | str | bool] = {n: getattr(lead.facts, n) for n in _OF_DECISION}
    facts["attempts"], facts["owned"] = lead.attempts, bool(lead.owner)
    return facts


def migrated(
    chart: Statechart, former: Statechart, lead: WorkflowLead, now_us: int
) -> WorkflowLead:
    """A lead of another version as one of this, by the rule that either declares.

    A version that took leads over from this one gives them back the way they came. Without a rule
    for that version the lead is as it was. Timers of the same name go on; those that its state has
    new begin now.
    """
    renamed = _renamed(chart.spec, former.spec)
    if renamed is None:
        return lead
    state = renamed.get(lead.state, lead.state)
    if state not in chart.states:
        return lead
    kept = {timer.event: timer for timer in lead.timers}
    new = _started(chart, lead, state, lead.calendar, now_us)
    timers = tuple(kept.get(timer.event, timer) for timer in new)
    return _replace(lead, chart=chart.fingerprint, state=state, timers=timers)


def _renamed(spec: WorkflowSpec, former: WorkflowSpec) -> Mapping[str, str] | None:
    """What states of another version are called in this; None where neither has a rule."""
    if former.name != spec.name:
        return None
    for rule in spec.migrates:
        if rule.from_version == former.version:
            return rule.states
    for rule in former.migrates:
        if rule.from_version == spec.version:
            return {new: old for old, new in reversed(rule.states.items())}
    return None


def _informed(lead: WorkflowLead, event: WorkflowEvent) -> WorkflowLead:
    """The lead with what the event says of it."""
    account = event.account_id or lead.account_id
    if event.facts is not None and event.facts_us >= lead.facts_us:
        return _replace(lead, account_id=account, facts=event.facts, facts_us=event.facts_us)
    return lead if account == lead.account_id else _replace(lead, account_id=account)


def _running(lead: WorkflowLead, event: str) -> Timer | None:
    return next((timer for timer in lead.timers if timer.event == event), None)


def _timer_events(chart: Statechart, state: str) -> frozenset[str]:
    return frozenset(chart.states[state].timers)


def _fired(chart: Statechart, lead: WorkflowLead, timer: Timer, now_us: int) -> WorkflowLead:
    """The lead after a timer has gone off: it is gone, or has begun again."""
    others = tuple(each for each in lead.timers if each is not timer)
    if timer.repeats:
        length = chart.states[lead.state].timers[timer.event].length(lead.facts.service_level_h)
        due_us = chart.calendar(lead.calendar).later(now_us, length)
        others += (Timer(event=timer.event, due_us=due_us, repeats=timer.repeats - 1),)
    return _replace(lead, timers=others)


def _cool(chart: Statechart, lead: WorkflowLead, transition: ChartTransition, now_us: int) -> bool:
    """Whether the lead was long enough in its state, and long enough out of the other."""
    spec = transition.spec
    calendar = chart.calendar(lead.calendar)
    if spec.dwell is not None and calendar.later(lead.since_us, spec.dwell) > now_us:
        return False
    if spec.to is None or (cool_down := chart.states[spec.to].cool_down) is None:
        return True
    left_us = lead.left_us.get(spec.to)
    return left_us is None or calendar.later(left_us, cool_down) <= now_us


def _follow(
    chart: Statechart,
    before: WorkflowLead,
    lead: WorkflowLead,
    transition: ChartTransition,
    event: WorkflowEvent,
    now_us: int,
) -> LeadStep:
    spec = transition.spec
    if event.name == ASSIGNED:
        attempts = min(lead.attempts + 1, MOST_ATTEMPTS)
        lead = _replace(lead, owner=event.owner, calendar=event.calendar, attempts=attempts)
    lead = _replace(lead, asks=lead.asks or spec.assign, revision=before.revision + 1)
    wanted = list(spec.effects)
    owner = lead.owner or before.owner
    if spec.to is not None:
        lead = _entered(chart, lead, spec.to, now_us)
        wanted += chart.states[spec.to].effects
    effects = tuple(_effects(wanted, before, lead, event, owner, now_us))
    kind: StepKind = "stayed" if spec.to is None else "moved"
    return LeadStep(lead, effects, lead.due_us, kind, transition.place)


def _entered(chart: Statechart, lead: WorkflowLead, name: str, now_us: int) -> WorkflowLead:
    state: StateSpec = chart.states[name]
    kept = state.owned or state.final
    calendar = lead.calendar if kept else "default"
    former = lead.former
    if state.forgets_attempts:
        former = ()
    elif lead.owner and not kept:
        former = (*former, lead.owner)[-MOST_FORMER:]
    return _replace(
        lead,
        state=name,
        since_us=now_us,
        attempts=0 if state.forgets_attempts else lead.attempts,
        owner=lead.owner if kept else "",
        calendar=calendar,
        former=former,
        asks=state.assign,
        timers=tuple(_started(chart, lead, name, calendar, now_us)),
        left_us={**lead.left_us, lead.state: now_us} if lead.state else {},
    )


def _started(
    chart: Statechart, lead: WorkflowLead, state: str, calendar: str, now_us: int
) -> Iterator[Timer]:
    """The timers of a state that a lead enters now."""
    hours = chart.calendar(calendar)
    for event, timer in chart.states[state].timers.items():
        due_us = hours.later(now_us, timer.length(lead.facts.service_level_h))
        yield Timer(event=event, due_us=due_us, repeats=timer.repeat)


def _effects(
    wanted: list[EffectSpec],
    before: WorkflowLead,
    lead: WorkflowLead,
    event: WorkflowEvent,
    owner: str,
    now_us: int,
) -> Iterator[Effect]:
    if not wanted:
        return
    facts: dict[str, str | float | bool | None] = {
        **guard_facts(lead),
        "lead_id": lead.lead_id,
        "account_id": lead.account_id,
        "state": lead.state,
        "from_state": before.state,
        "owner": owner,
        "event": event.name,
    }
    for at, spec in enumerate(wanted):
        key = effect_key(lead, at)
        yield Effect(
            key=key,
            connector=spec.connector,
            action=spec.action,
            lead_id=lead.lead_id,
            account_id=lead.account_id,
            action_id=key,
            fields={**spec.values, **{name: facts[fact] for name, fact in spec.fields.items()}},
            created_us=now_us,
        )


def effect_key(lead: WorkflowLead, at: int) -> str:
    """The idempotency key of an effect: the lead, the number of its event, and its place there."""
    text = f"{lead.lead_id}\0{lead.revision}\0{at}"
    return f"wf-{blake2b(text.encode(), digest_size=16).hexdigest()}"
