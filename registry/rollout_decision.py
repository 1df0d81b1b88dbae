"""Whether a rollout goes on, waits or goes back: a pure function of plan, moment and evidence."""

from typing import Literal

import msgspec

from domain.clock import parse_iso, to_us
from domain.versions.certificate import Certificate
from registry.rollout_state import Rollout
from storage.config_numbers import Count, Magnitude, Share

HOUR_US = 3_600_000_000
UNLIKELY = 0.001
"""The chance, with an arm that answers, of as long a silence by luck, below which it is told."""
Action = Literal["advance", "hold", "roll_back"]


class ArmFigures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was measured of the challenger's arm since the step began; None: not measured.

    `decisions` is how many it made; where it answers nobody, how many it was asked beside the
    champion. `error_rate` and `degraded` are shares, `p99_ms` is in milliseconds. `quiet` is how
    many accounts the other arms answered since the challenger's arm last answered one. `absent`
    names what was asked and did not tell: missing figures are never good ones.
    """

    decisions: Count | None = None
    error_rate: Share | None = None
    p99_ms: Magnitude | None = None
    degraded: Share | None = None
    quiet: Count = 0
    absent: tuple[str, ...] = ()


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict of monitoring: its name with its version, its outcome, and the reasons.

    `certificate` is what anybody can recompute of it (`leadscore rollout verify`), None where
    versions were not compared by a proper score.
    """

    name: str
    outcome: Literal["pass", "fail", "inconclusive"]
    reasons: tuple[str, ...] = ()
    certificate: Certificate | None = None


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
    another step: the same evidence does not advance twice. A step that is not proven when the
    plan's patience ends is rolled back, unless a person holds it.
    """
    if evidence.rollout != plan.id:
        sentence = f"the evidence is of {evidence.rollout}, not of {plan.id}"
        return RolloutDecision(action="hold", reasons=(sentence,))
    if against := _against(plan, evidence):
        return RolloutDecision(action="roll_back", reasons=tuple(against))
    if waiting := _waiting(plan, now, evidence):
        late = _out_of_patience(plan, now, evidence, waiting)
        action: Action = "roll_back" if late else "hold"
        return RolloutDecision(action=action, reasons=(*late, *waiting))
    upcoming = plan.steps[plan.next_step or 0]
    sentence = f"step {plan.step + 1} is done: weight {plan.weight:g} -> {upcoming.weight:g}"
    return RolloutDecision(action="advance", reasons=(sentence, *(_reasons(evidence.judged))))


def _against(plan: Rollout, evidence: RolloutEvidence) -> list[str]:
    """What makes it go back."""
    figures, judged, reasons = evidence.figures, evidence.judged, []
    if (figures.decisions or 0) >= plan.limits.after:
        reasons = [
            f"{name} is {value:g}, the limit is {limit:g}"
            for name, value, limit in _limited(plan, figures)
            if value is not None and value > limit
        ]
    if judged is not None and judged.outcome == "fail":
        reasons += _reasons(judged)
    return reasons


def _waiting(plan: Rollout, now: str, evidence: RolloutEvidence) -> list[str]:
    """What keeps it where it is."""
    if evidence.step != plan.step:
        return [f"the evidence is of step {evidence.step + 1}, it is at {plan.step + 1}"]
    reasons = ["a person holds it"] if plan.held else []
    reasons += _unripe(plan, now, evidence.figures)
    reasons += [
        f"{name} has a limit and was not measured"
        for name, value, _ in _limited(plan, evidence.figures)
        if value is None and plan.weight > 0
    ]
    reasons += _late(plan, evidence.figures)
    if plan.next_step is not None:
        reasons += _unproven(plan, evidence.judged)
    elif not reasons:
        reasons.append(_ALL_DONE)
    return reasons


_ALL_DONE = "every step is done: a person may finish it, or abort it"


def _out_of_patience(
    plan: Rollout, now: str, evidence: RolloutEvidence, waiting: list[str]
) -> tuple[str, ...]:
    """Why a step that waits has waited long enough; empty where it may wait on."""
    limit = plan.patience_days
    if limit is None or plan.held or evidence.step != plan.step:
        return ()
    if waiting == [_ALL_DONE] or _hours(plan, now) <= limit * 24:
        return ()
    return (f"undecided after {_hours(plan, now) / 24:.1f} days, the patience is {limit:g}",)


def _unproven(plan: Rollout, judged: Judged | None) -> list[str]:
    """What is missing of a verdict that passes, where one is needed."""
    if judged is None:
        return ["no verdict was made, and one must pass"] if plan.needs_pass else []
    if judged.outcome == "pass" or plan.needs_pass is False:
        return []
    if plan.kind != "model" and plan.needs_pass is None:
        return []  # arms that nobody can tell apart may go on; a worse one goes back
    return [*_reasons(judged), _WAITS]


_WAITS = (
    "the next step waits for a verdict that passes; `needs_pass: false` in the plan, or "
    "`leadscore rollout advance`, goes on without"
)


def _unripe(plan: Rollout, now: str, figures: ArmFigures) -> list[str]:
    reasons: list[str] = []
    if not plan.steps:
        return reasons
    step = plan.steps[plan.step]
    hours = _hours(plan, now)
    if hours < step.dwell_hours:
        reasons.append(f"{max(hours, 0.0):.2f} hours have passed of {step.dwell_hours:g}")
    decisions = figures.decisions
    if step.decisions and (decisions is None or decisions < step.decisions):
        reasons.append(
            f"{'unknown' if decisions is None else decisions} decisions of {step.decisions}"
        )
    return reasons


def _late(plan: Rollout, figures: ArmFigures) -> list[str]:
    """What says that figures are old, or that somebody who was asked did not tell."""
    reasons = [f"{name} was asked and did not tell" for name in figures.absent]
    if plan.weight > 0 and (1 - plan.weight) ** figures.quiet < UNLIKELY:
        reasons.append(
            f"the challenger's arm answered none of the last {figures.quiet} accounts: what was "
            "measured of it is old"
        )
    return reasons


def _hours(plan: Rollout, now: str) -> float:
    """How long the step has been under way."""
    since = to_us(parse_iso(plan.since or plan.started))
    return (to_us(parse_iso(now)) - since) / HOUR_US


def _limited(plan: Rollout, figures: ArmFigures) -> list[tuple[str, float | None, float]]:
    """The figures that have a limit, with it."""
    names = ("error_rate", "p99_ms", "degraded")
    limits_by_name = [(name, getattr(figures, name), getattr(plan.limits, name)) for name in names]
    return [(name, value, limit) for name, value, limit in limits_by_name if limit is not None]


def _reasons(judged: Judged | None) -> list[str]:
    if judged is None:
        return []
    return [f"verdict {judged.name}: {judged.outcome}", *judged.reasons]
