"""What moves leads by itself: decisions of the audit trail, events of the log, timers."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from config.home_definition import definition_of
from config.settings import Settings
from decisions.audit.search import TrailEntry
from decisions.audit.trail import AuditTrail
from domain.decisions import DecisionRecord
from jobs.workflow.home import home_now_us, open_leads
from signals.events.event_log import size
from signals.events.following import FollowedEvent, following
from wiring.decisions import open_trail
from wiring.integrity.journals import EVERY, note_journals
from wiring.signals import SignalPlane, open_signals
from workflow.chart.facts import LeadFacts
from workflow.chart.lead_state import WorkflowEvent
from workflow.chart.statechart import Statechart
from workflow.store.batch import Taken
from workflow.store.lead_store import AT_ONCE, Cursor, LeadStore

TRAIL, LOG = "decisions", "signals"
"""The names of the cursors."""
LOOKED_AT = 5_000
"""So many events of the log are looked at for one transaction."""
MOST_BATCHES = 1_000
"""So many transactions one pass makes at most of each kind: the next pass goes on."""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass did: events read, leads that moved, leads whose timers fired.

    `left` says that more waits than one pass takes.
    """

    decisions: int
    signals: int
    moved: int
    fired: int
    left: bool


def move(settings: Settings) -> Moved:
    """Take what is new in trail and log, then fire what is due. Raises Unavailable, Missing."""
    store, now_us = open_leads(settings), home_now_us(settings)
    decisions = take_decisions(store, open_trail(settings), now_us)
    signals = take_signals(store, open_signals(settings), settings, now_us)
    fired, more = fire(store, now_us)
    note_journals(settings, "workflow", EVERY)
    return Moved(
        decisions=decisions.read,
        signals=signals.read,
        moved=decisions.moved + signals.moved,
        fired=fired,
        left=more or decisions.left or signals.left,
    )


class Arrived(msgspec.Struct, kw_only=True):
    """What came from one source: how much was read, and how many leads it moved."""

    read: int = 0
    moved: int = 0
    left: bool = False

    def count(self, read: int, results: Sequence[Taken]) -> None:
        """Count a batch."""
        self.read += read
        self.moved += sum(each.kind == "moved" for each in results)


def take_decisions(store: LeadStore, trail: AuditTrail, now_us: int) -> Arrived:
    """Take the decisions behind the cursor, each once; the first time all that there are."""
    arrived, position = Arrived(left=True), store.position(TRAIL)
    names = _of_source(store.charts.current, "decision")
    at_once = max(AT_ONCE // max(len(names), 1), 1)
    for _ in range(MOST_BATCHES):
        entries = trail.following(position, at_once)
        if not entries:
            arrived.left = False
            break
        position = entries[-1].sequence
        events = [event for entry in entries for event in _decided(entry, names)]
        arrived.count(len(entries), store.take(events, now_us, Cursor(TRAIL, position)))
    return arrived


def take_signals(store: LeadStore, plane: SignalPlane, settings: Settings, now_us: int) -> Arrived:
    """Take the events of the log behind the cursor; the first time only those to come."""
    arrived, position = Arrived(left=True), store.position(LOG)
    names = _names_of_types(store.charts.current, settings)
    if position == 0:
        store.take([], now_us, Cursor(LOG, size(plane.engine)))
        return Arrived()
    for _ in range(MOST_BATCHES):
        new = following(plane.engine, position, LOOKED_AT, names.keys())
        if new.position == position:
            arrived.left = False
            break
        events = [event for each in new.events for event in _signalled(each, names)]
        for part in range(0, max(len(events), 1), AT_ONCE):
            last = part + AT_ONCE >= len(events)
            cursor = Cursor(LOG, new.position) if last else None
            arrived.count(0, store.take(events[part : part + AT_ONCE], now_us, cursor))
        arrived.read += len(new.events)
        position = new.position
    return arrived


def fire(store: LeadStore, now_us: int) -> tuple[int, bool]:
    """Fire the timers that are due; how many leads had one, and whether more may have."""
    fired = 0
    for _ in range(MOST_BATCHES):
        count = store.fire_due(now_us)
        if not count:
            return fired, False
        fired += count
    return fired, True


def facts_of(record: DecisionRecord) -> LeadFacts:
    """What a workflow knows of a decision."""
    answer = record.answer
    return LeadFacts(
        eligible=answer.decision.eligible,
        action=answer.decision.action,
        queue=answer.decision.queue,
        owner_pool=answer.decision.owner_pool,
        priority=answer.decision.priority,
        next_best_action=answer.decision.next_best_action,
        grade=answer.grade,
        score=answer.score,
        percentile=answer.percentile,
        service_level_h=answer.decision.service_level_h or 0.0,
    )


def _decided(entry: TrailEntry, names: Sequence[str]) -> Iterator[WorkflowEvent]:
    record = entry.record
    for name in names:
        yield WorkflowEvent(
            id=f"{record.answer.decision_id}:{name}",
            lead_id=record.answer.lead_id,
            account_id=record.account_id,
            name=name,
            facts=facts_of(record),
            facts_us=record.decided_us,
        )


def _signalled(event: FollowedEvent, names: Mapping[str, Sequence[str]]) -> Iterator[WorkflowEvent]:
    for name in names[event.type]:
        yield WorkflowEvent(id=f"{event.key}:{name}", lead_id=event.lead_id, name=name)


def _of_source(chart: Statechart, source: str) -> list[str]:
    return [name for name, event in chart.spec.events.items() if event.source == source]


def _names_of_types(chart: Statechart, settings: Settings) -> dict[str, list[str]]:
    """The workflow's events by the type of the log's events."""
    types: dict[str, list[str]] = {}
    outcomes = {o.name: o.types for o in definition_of(settings).outcomes}
    for name, event in chart.spec.events.items():
        of_outcomes = [t for outcome in event.outcomes for t in outcomes.get(outcome, ())]
        for each in (*event.types, *of_outcomes):
            types.setdefault(each, []).append(name)
    return types
