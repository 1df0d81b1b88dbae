"""What served and what was decided at a time: the ledger and the audit trail together."""

from datetime import UTC, date, datetime, time

import msgspec

from domain.clock import DAY, iso, parse_iso, to_us
from domain.decisions import DecisionRecord
from domain.errors import BadInput
from domain.ports import LeadRef
from registry.history import Stretch, stretches
from wiring.decisions import open_trail
from wiring.registry import open_registry
from wiring.settings import Settings
from wiring.signals import open_signals

MOST = 100_000
"""Decisions of one lead that are looked through."""


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


class Then(msgspec.Struct, frozen=True, kw_only=True):
    """Who served in a window, and what was decided about a lead in it."""

    models: list[Stretch]
    policies: list[Stretch]
    decisions: list[Made]


def window_of(text: str) -> Window:
    """The window of a day in UTC, or of a moment. Raises BadInput."""
    try:
        if len(text) == len("2026-01-01"):
            begin = to_us(datetime.combine(date.fromisoformat(text), time(), UTC))
            return Window(first_us=begin, last_us=begin + DAY - 1)
        moment = to_us(parse_iso(text))
    except ValueError:
        raise BadInput(
            "neither a day nor a moment",
            rule="rfc-3339",
            where="--at",
            todo="Write it as 2026-03-01, or as 2026-03-01T12:00:00Z.",
        ) from None
    return Window(first_us=moment, last_us=moment)


def then(settings: Settings, window: Window | None, lead: LeadRef | None) -> Then:
    """What served in a window (None: ever), and what was decided about a lead on its days.

    A home whose clock follows its events decides in their time, and promotes in the machine's.
    """
    entries = open_registry(settings).ledger.entries()

    def meeting(found: list[Stretch]) -> list[Stretch]:
        if window is None:
            return found
        return [s for s in found if s.meets(window.first_us, window.last_us)]

    return Then(
        models=meeting(stretches(entries)),
        policies=meeting(stretches(entries, "policy")),
        decisions=[] if lead is None else _decisions(settings, window, lead),
    )


def _decisions(settings: Settings, window: Window | None, lead: LeadRef) -> list[Made]:
    """Oldest first, under all ids that the lead had; of a moment: those of its whole day."""
    trail, days = open_trail(settings), None
    if window is not None:
        days = range(window.first_us // DAY, window.last_us // DAY + 1)
    merged = {str(row["lead_id"]) for row in open_signals(settings).directory.story(lead)}
    held = [r for one in sorted({lead.lead_id, *merged}) for r in trail.of_lead(one, MOST)]
    held = [r for r in held if days is None or r.decided_us // DAY in days]
    return [_made(r) for r in sorted(held, key=lambda r: r.decided_us)]


def _made(record: DecisionRecord) -> Made:
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
