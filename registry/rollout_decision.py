"""Whether a rollout goes on, waits or goes back: a pure function of plan, moment and evidence."""

from typing import Annotated, Literal

import msgspec

from domain.clock import parse_iso, to_us
from registry.rollout_state import AccountShare, Rollout

HOUR_US = 3_600_000_000
Action = Literal["advance", "hold", "roll_back"]


class ArmFigures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was measured of the challenger's arm since the step began; None: not measured.

    `decisions` is how many it made; where it answers nobody, how many it was asked beside the
    champion. `error_rate` and `degraded` are shares, `p99_ms` is in milliseconds.
    """

    decisions: Annotated[int, msgspec.Meta(ge=0)] | None = None
    error_rate: AccountShare | None = None
    p99_ms: Annotated[float, msgspec.Meta(ge=0)] | None = None
    degraded: AccountShare | None = None


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict of monitoring: its name with its version, what it said, and why."""

    name: str
    outcome: Literal["pass", "fail", "inconclusive"]
    reasons: tuple[str, ...] = ()


class RolloutEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one step of one rollout. `judged` is None where there is no verdict."""

    rollout: str
    step: int
    figures: ArmFigures = ArmFigures()
    judged: Judged | None = None


class RolloutDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done, and why: a sentence each."""

    action: Action
    reasons: tuple[str, ...]


def decide(plan: Rollout, now: str, evidence: RolloutEvidence) -> RolloutDecision:
    """What is to be done with a rollout at a moment (RFC 3339, UTC).

    A breached limit or a failed verdict rolls back, at every step and also on hold. It advances
    once nothing speaks against it and a verdict that was made passes, and never on evidence of
    another step: the same evidence does not advance twice.
    """
    if evidence.rollout != plan.id:
        said = f"the evidence is of {evidence.rollout}, not of {plan.id}"
        return RolloutDecision(action="hold", reasons=(said,))
    if against := _against(plan, evidence):
        return RolloutDecision(action="roll_back", reasons=tuple(against))
    if waiting := _waiting(plan, now, evidence):
        return RolloutDecision(action="hold", reasons=tuple(waiting))
    upcoming = plan.steps[plan.next_step or 0]
    said = f"step {plan.step + 1} is done: weight {plan.weight:g} -> {upcoming.weight:g}"
    return RolloutDecision(action="advance", reasons=(said, *(_said(evidence.judged))))


def _against(plan: Rollout, evidence: RolloutEvidence) -> list[str]:
    """What makes it go back."""
    held, judged, found = evidence.figures, evidence.judged, []
    if (held.decisions or 0) >= plan.limits.after:
        found = [
            f"{name} is {value:g}, the limit is {limit:g}"
            for name, value, limit in _limited(plan, held)
            if value is not None and value > limit
        ]
    if judged is not None and judged.outcome == "fail":
        found += _said(judged)
    return found


def _waiting(plan: Rollout, now: str, evidence: RolloutEvidence) -> list[str]:
    """What keeps it where it is."""
    if evidence.step != plan.step:
        return [f"the evidence is of step {evidence.step + 1}, it is at {plan.step + 1}"]
    found = ["a person holds it"] if plan.held else []
    found += _unripe(plan, now, evidence.figures)
    found += [
        f"{name} has a limit and was not measured"
        for name, value, _ in _limited(plan, evidence.figures)
        if value is None and plan.weight > 0
    ]
    if plan.next_step is not None:
        found += _unproven(plan, evidence.judged)
    elif not found:
        found.append("every step is done: a person may finish it, or abort it")
    return found


def _unproven(plan: Rollout, judged: Judged | None) -> list[str]:
    """What is missing of a verdict that passes, where one is needed."""
    if judged is None:
        return ["no verdict was made, and one must pass"] if plan.needs_pass else []
    if judged.outcome == "pass" or plan.needs_pass is False:
        return []
    return [*_said(judged), _WAITS]


_WAITS = (
    "the next step waits for a verdict that passes; `needs_pass: false` in the plan, or "
    "`leadscore rollout advance`, goes on without"
)


def _unripe(plan: Rollout, now: str, figures: ArmFigures) -> list[str]:
    found: list[str] = []
    if not plan.steps:
        return found
    step = plan.steps[plan.step]
    since = to_us(parse_iso(plan.since or plan.started))
    hours = (to_us(parse_iso(now)) - since) / HOUR_US
    if hours < step.dwell_hours:
        found.append(f"{max(hours, 0.0):.2f} hours have passed of {step.dwell_hours:g}")
    made = figures.decisions
    if step.decisions and (made is None or made < step.decisions):
        found.append(f"{'unknown' if made is None else made} decisions of {step.decisions}")
    return found


def _limited(plan: Rollout, figures: ArmFigures) -> list[tuple[str, float | None, float]]:
    """The figures that have a limit, with it."""
    names = ("error_rate", "p99_ms", "degraded")
    held = [(name, getattr(figures, name), getattr(plan.limits, name)) for name in names]
    return [(name, value, limit) for name, value, limit in held if limit is not None]


def _said(judged: Judged | None) -> list[str]:
    if judged is None:
        return []
    return [f"verdict {judged.name}: {judged.outcome}", *judged.reasons]
