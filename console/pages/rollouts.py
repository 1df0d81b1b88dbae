"""Rollouts of each kind: the plan, the step, the evidence; start, hold, advance, end."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

from console.charts.line import Level, LinePoint, line_chart
from console.frame.formats import count
from console.frame.page import GoTo, Visit, shown, tried, written
from console.pages.changes import ledger_rows
from domain.errors import BadInput
from domain.versions.manifest import VersionKind
from registry.rollout import abort, advance, hold
from registry.rollout_spec import RolloutSpec, course_of
from registry.rollout_state import Rollout

if TYPE_CHECKING:
    from jobs.models.canary_record import KeptVerdict
    from monitoring.canary import CanaryVerdict

KINDS: tuple[VersionKind, ...] = get_args(VersionKind)
TITLES: Mapping[VersionKind, str] = {
    "model": "Models",
    "policy": "Policies",
    "workflow": "Workflows",
}
STARTED = ("canary", "shadow", "blue_green")
STEPS = 4
"""Steps that the form of a new rollout asks for."""


def rollouts(visit: Visit) -> dict[str, Any]:
    """What is under way, and what was decided of it."""
    home = visit.home
    standings = {kind: home.versions(kind).standing() for kind in KINDS}
    plans = {kind: standing.rollout for kind, standing in standings.items()}
    entries = home.models.ledger.entries()
    return {
        "kinds": KINDS,
        "plans": plans,
        "holdout": standings["policy"].holdout,
        "standings": standings,
        "kept": _kept(visit, plans["model"]),
        "chart": _chart,
        "looked": None,
        "steps": range(1, STEPS + 1),
        "titles": TITLES,
        "modes": {kind: STARTED[:1] if kind == "workflow" else STARTED for kind in KINDS},
        "changes": ledger_rows([e for e in entries if e.rollout is not None]),
    }


def look(visit: Visit) -> dict[str, Any]:
    """The evidence as it is now, and what would be decided on it; nothing is done."""
    from jobs.models.rollouts import look as look_now

    kind = _kind(visit)
    progress, evidence = look_now(visit.home.settings, kind)
    return {**rollouts(visit), "looked": {"kind": kind, "progress": progress, "evidence": evidence}}


def start(visit: Visit) -> GoTo:
    """Start a rollout of the challenger."""
    from jobs.models.rollouts import begin

    kind, who = _kind(visit), visit.visitor
    begin(
        visit.home.settings,
        kind,
        _course(visit),
        by=who.by,
        reason=visit.reason,
        registry=visit.home.registry(kind, who.credential),
    )
    return GoTo("/rollouts", done="rollout_started")


def advance_rollout(visit: Visit) -> GoTo:
    """The next step, or another share of accounts than declared."""
    kind, who = _kind(visit), visit.visitor
    share = visit.form.number("weight", 0, 100) / 100 if visit.form.text("weight") else None
    registry = visit.home.registry(kind, who.credential)
    advance(registry, by=who.by, reason=visit.reason, weight=share)
    return GoTo("/rollouts", done="rollout_advanced")


def hold_rollout(visit: Visit) -> GoTo:
    """Keep it at its step, or let it go on."""
    kind, who = _kind(visit), visit.visitor
    release = visit.form.flag("release")
    registry = visit.home.registry(kind, who.credential)
    hold(registry, by=who.by, reason=visit.reason, release=release)
    return GoTo("/rollouts", done="rollout_released" if release else "rollout_held")


def abort_rollout(visit: Visit) -> GoTo:
    """End it: the champion answers all."""
    kind, who = _kind(visit), visit.visitor
    abort(visit.home.registry(kind, who.credential), by=who.by, reason=visit.reason)
    return GoTo("/rollouts", done="rollout_aborted")


def finish_rollout(visit: Visit) -> GoTo:
    """Make its challenger champion, if the gates let it."""
    from jobs.models.rollouts import finish

    kind, who = _kind(visit), visit.visitor
    done = finish(
        visit.home.settings,
        kind,
        by=who.by,
        reason=visit.reason,
        registry=visit.home.registry(kind, who.credential),
    )
    return GoTo("/rollouts", done="waiting" if done.waiting else "promoted")


def _kind(visit: Visit) -> VersionKind:
    named = visit.path["kind"]
    return next((kind for kind in KINDS if kind == named), "model")


def _course(visit: Visit) -> RolloutSpec:
    """The plan that a form declares. Raises BadInput."""
    form = visit.form
    steps = []
    for number in range(1, STEPS + 1):
        if not form.text(f"weight-{number}"):
            continue
        steps.append(
            {
                "weight": form.number(f"weight-{number}", 0, 100) / 100,
                "dwell_hours": form.number(f"hours-{number}", 0, 10_000, 0),
                "decisions": int(form.number(f"decisions-{number}", 0, 1e9, 0)),
            }
        )
    mode = form.choice("mode", STARTED, "canary")
    if mode == "canary" and not steps:
        raise BadInput(
            "a canary has a step at least", rule="rollout-plan", todo="Give a first share."
        )
    plan: dict[str, Any] = {"mode": mode, "steps": steps if mode == "canary" else []}
    if form.text("patience"):
        plan["patience_days"] = form.number("patience", 0.01, 3_650)
    return course_of(plan)


def _kept(visit: Visit, plan: Rollout | None) -> "KeptVerdict | None":
    """The newest verdict on the arms of the rollout under way, or of those before."""
    try:
        from jobs.models.canary_record import kept_verdict
    except ModuleNotFoundError:  # an installation without the extra `monitor`
        return None
    kept = kept_verdict(visit.home.settings)
    if kept is None or plan is None:
        return kept
    arms = (kept.verdict.champion, kept.verdict.challenger)
    return kept if arms == (plan.champion, plan.challenger) else None


def _chart(verdict: "CanaryVerdict") -> object:
    """The confidence sequence, decision by decision, with the margin that it is read against."""
    points = [
        LinePoint(
            look.matured, look.value, look.low, look.high, f"{look.matured:,}: {look.value:+.4f}"
        )
        for look in verdict.looks
    ]
    if not points:
        return ""
    margin = verdict.decides.margin if verdict.decides else None
    levels = [Level(0.0, "no difference")]
    if margin is not None:
        levels.append(Level(margin, f"margin {margin:.4g}: worse beyond"))
    last = verdict.looks[-1]
    bounds = "" if last.low is None else f", bounds {last.low:+.4f} to {last.high:+.4f}"
    description = (
        f"The challenger's loss less the champion's after each matured decision; below 0 it is "
        f"better. After {last.matured:,} it is {last.value:+.4f}{bounds}."
    )
    return line_chart(
        f"Confidence sequence, {verdict.challenger} against {verdict.champion}",
        description,
        points,
        x_label=lambda matured: f"{count(int(matured))} matured",
        y_label=lambda value: f"{value:+.3f}",
        levels=levels,
    )


PAGES = (
    shown("/rollouts", rollouts, "rollouts.html", "Rollouts"),
    tried("/rollouts/{kind}/look", look, "rollouts.html", "Rollouts"),
    written("/rollouts/{kind}/start", start, "Rollouts"),
    written("/rollouts/{kind}/advance", advance_rollout, "Rollouts"),
    written("/rollouts/{kind}/hold", hold_rollout, "Rollouts"),
    written("/rollouts/{kind}/abort", abort_rollout, "Rollouts"),
    written("/rollouts/{kind}/finish", finish_rollout, "Rollouts"),
)
