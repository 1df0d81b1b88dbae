"""What served and what was decided at a time: the ledger and the audit trail together."""

from datetime import UTC, date, datetime, time

import msgspec

from config.settings import Settings
from decisions.audit.trail import AuditTrail
from domain.clock import DAY, iso, parse_iso, to_us
from domain.decisions import DecisionRecord
from domain.errors import BadInput
from domain.journeys import FOREVER
from domain.ports import LeadRef
from registry.serving_history import ServingPeriod, stretches
from signals.identity.directory import Directory
from wiring.decisions import open_trail
from wiring.registry import open_registry
from wiring.signals import open_signals

MOST = 100_000
"""Decisions of one lead that are looked through."""

MOST_FORMER = 50
"""Former ids of a lead whose decisions are looked for."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """From a moment to another, in microseconds, both included."""

    first_us: int
    last_us: int


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded decision about a lead, and the versions that made it."""

    decided: str
    model: str
    arm: str
    feature_service: str
    policy: str
    rollout: str
    score: float
    grade: str
    decision_id: str


class Deciding(msgspec.Struct, frozen=True, kw_only=True):
    """Versions that decided in a window: how often, first and last, RFC 3339, UTC."""

    model: str
    policy: str
    arm: str
    decisions: int
    first: str
    last: str


class Then(msgspec.Struct, frozen=True, kw_only=True):
    """Who served in a window, and what was decided about a lead in it.

    `deciding` is None where promotions and decisions are dated by one clock. In a home whose clock
    follows its events it says who decided in the window, by the events' time: the ledger cannot,
    for it is dated by the machine's.
    """

    models: list[ServingPeriod]
    policies: list[ServingPeriod]
    decisions: list[Made]
    deciding: list[Deciding] | None = None


def window_of(text: str) -> Window:
    """The window of a day in UTC, or of a moment. Raises BadInput."""
    try:
        if len(text) == len("2026-01-01"):
            begin = to_us(datetime.combine(date.fromisoformat(text), time(), UTC))
            return Window(first_us=begin, last_us=begin + DAY - 1)
        moment = to_us(parse_iso(text))
    except ValueError:
        raise BadInput(
            "not a date or a time",
            rule="rfc-3339",
            where="--at",
            todo="Write it as 2026-03-01 or 2026-03-01T12:00:00Z.",
        ) from None
    return Window(first_us=moment, last_us=moment)


def then(settings: Settings, window: Window | None, lead: LeadRef | None) -> Then:
    """What served in a window (None: ever), and what was decided about a lead on its days.

    A home whose clock follows its events decides in their time, and promotes in the machine's: a
    window is looked for in both.
    """
    entries = open_registry(settings).ledger.entries()

    def meeting(periods: list[ServingPeriod]) -> list[ServingPeriod]:
        if window is None:
            return periods
        return [s for s in periods if s.meets(window.first_us, window.last_us)]

    return Then(
        models=meeting(stretches(entries)),
        policies=meeting(stretches(entries, "policy")),
        decisions=[] if lead is None else _decisions(settings, window, lead),
        deciding=None if settings.clock == "system" else _deciding(settings, window),
    )


def _deciding(settings: Settings, window: Window | None) -> list[Deciding]:
    """Who decided, oldest first; of a moment: on its whole day."""
    since = None if window is None else window.first_us // DAY * DAY
    until = FOREVER if window is None else (window.last_us // DAY + 1) * DAY
    sequences: dict[tuple[str, str, str], list[int]] = {}
    for record in open_trail(settings).records(since):
        if record.decided_us < until:
            versions, at = record.answer.versions, record.decided_us
            key = versions.model, versions.policy, record.answer.arm
            count, first, last = sequences.get(key, (0, at, at))
            sequences[key] = [count + 1, min(first, at), max(last, at)]
    return [
        Deciding(
            model=model, policy=policy, arm=arm, decisions=count, first=iso(first), last=iso(last)
        )
        for (model, policy, arm), (count, first, last) in sorted(
            sequences.items(), key=lambda one: one[1][1]
        )
    ]


def _decisions(settings: Settings, window: Window | None, lead: LeadRef) -> list[Made]:
    """Oldest first, under all ids that the lead had; of a moment: those of its whole day."""
    days = None
    if window is not None:
        days = range(window.first_us // DAY, window.last_us // DAY + 1)
    records = decisions_about(open_trail(settings), open_signals(settings).directory, lead, MOST)
    records = [r for r in records if days is None or r.decided_us // DAY in days]
    return [_decision_line(r) for r in records]


def decisions_about(
    trail: AuditTrail, directory: Directory, lead: LeadRef, most: int
) -> list[DecisionRecord]:
    """The newest decisions about a lead, oldest first, under all ids that it had.

    Of former ids, `MOST_FORMER` are looked at.
    """
    merged = {str(row["lead_id"]) for row in directory.story(lead)} - {str(lead.lead_id)}
    ids = [str(lead.lead_id), *sorted(merged)[:MOST_FORMER]]
    records = [record for one in ids for record in reversed(trail.of_lead(one, most))]
    return sorted(records, key=lambda record: record.decided_us)[-most:]


def _decision_line(record: DecisionRecord) -> Made:
    answer = record.answer
    return Made(
        decided=iso(record.decided_us),
        model=answer.versions.model,
        arm=answer.arm,
        feature_service=answer.versions.feature_service,
        policy=answer.versions.policy,
        rollout=record.rollout,
        score=answer.score,
        grade=answer.grade,
        decision_id=answer.decision_id,
    )
