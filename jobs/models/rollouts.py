"""Rollouts, put together: plans read, evidence gathered, steps taken."""

from pathlib import Path
from typing import TypeVar

import msgspec

from config.settings import Settings
from domain.clock import SECOND, SystemClock, parse_iso, to_us
from domain.errors import BadInput
from domain.versions.manifest import Stage, VersionKind
from jobs.interrupts import hold_interrupts
from jobs.models.canary_record import keep_verdict
from jobs.models.promote import promote
from monitoring.canary import CanaryVerdict
from monitoring.prometheus_figures import prometheus_figures, worse_of
from monitoring.rollout_figures import arm_figures, begun_figures
from registry.global_holdout import start_holdout
from registry.promotion import Candidate, Promotion
from registry.rollout import Ticked, start, tick
from registry.rollout_decision import (
    ArmFigures,
    Judged,
    RolloutDecision,
    RolloutEvidence,
    decide,
)
from registry.rollout_spec import RolloutSpec, course_of
from registry.rollout_state import Rollout
from registry.store import AnyRegistry
from registry.transitions import running
from storage.typed_yaml import YamlFile
from wiring.decisions import open_trail
from wiring.registry import open_kind

T = TypeVar("T")


def read_course(path: Path) -> RolloutSpec:
    """How a rollout is to go, by its YAML file. Raises BadInput, naming file and key."""
    file = YamlFile(path, "rollout-plan", todo="See docs/rollouts.md for the keys of a plan.")
    try:
        return course_of(file.document, path.name)
    except BadInput as bad:
        file.locate(bad)
        raise


def begin(
    settings: Settings,
    kind: VersionKind,
    course: RolloutSpec,
    *,
    by: str,
    reason: str,
    registry: AnyRegistry | None = None,
) -> Rollout:
    """Start a rollout, or let a holdout stand. Raises what these raise."""
    registry = registry or open_kind(settings, kind)
    if course.mode == "holdout":
        return start_holdout(registry, course.holdout, by=by, reason=reason)
    return start(registry, by=by, reason=reason, course=course)


def tick_rollout(
    settings: Settings,
    kind: VersionKind,
    *,
    by: str,
    figures: Path | None = None,
    verdict: Path | None = None,
) -> tuple[Ticked, RolloutEvidence]:
    """Gather evidence, decide by it and do it; what was decided, and on what.

    `figures` and `verdict` are JSON files. Figures that the file does not give are taken from
    recorded decisions; a verdict on models is made where no file gives one. Raises Missing where
    no rollout is under way, BadInput for a file that says something else.
    """
    registry = open_kind(settings, kind)
    evidence = _gathered(settings, running(registry.standing()), figures, verdict)
    hold_interrupts()
    return tick(registry, evidence, by=by), evidence


def look(settings: Settings, kind: VersionKind) -> tuple[RolloutDecision, RolloutEvidence]:
    """What a tick would decide now, and on what; nothing is done.

    Raises Missing where no rollout is under way.
    """
    registry = open_kind(settings, kind)
    plan = running(registry.standing())
    evidence = _gathered(settings, plan, None, None)
    return decide(plan, registry.now(), evidence), evidence


def _gathered(
    settings: Settings, plan: Rollout, figures: Path | None, verdict: Path | None
) -> RolloutEvidence:
    return RolloutEvidence(
        rollout=plan.id,
        step=plan.step,
        figures=_figures(settings, plan, figures),
        judged=_judged(settings, plan, verdict),
    )


def finish(
    settings: Settings,
    kind: VersionKind,
    *,
    by: str,
    reason: str,
    changes: int | None = None,
    override: bool = False,
    registry: AnyRegistry | None = None,
) -> Promotion:
    """Make the challenger of the rollout under way champion, if its gates let it.

    `changes` and `override` as for the promotion of a policy. Raises Missing where no rollout is
    under way, and what a promotion raises.
    """
    registry = registry or open_kind(settings, kind)
    candidate = Candidate(registry, running(registry.standing()).challenger)
    return promote(
        settings,
        candidate,
        Stage.CHAMPION,
        by=by,
        reason=reason,
        override=override,
        changes=changes,
    )


def _figures(settings: Settings, plan: Rollout, path: Path | None) -> ArmFigures:
    stated = ArmFigures() if path is None else _read(path, ArmFigures, "rollout-figures")
    if plan.kind == "workflow":
        from jobs.models.canary import exposed

        return _stated(begun_figures(exposed(settings, plan), plan), stated)
    since = None
    if settings.clock == "system":  # else decisions are made in the time of their events
        since = to_us(parse_iso(plan.since or plan.started))
    measured = arm_figures(open_trail(settings).records(since), plan)
    if settings.prometheus:
        begun_us = to_us(parse_iso(plan.since or plan.started))
        spent_s = (to_us(SystemClock().now()) - begun_us) / SECOND
        measured = worse_of(measured, prometheus_figures(settings.prometheus, spent_s))
    return _stated(measured, stated)


def _stated(measured: ArmFigures, stated: ArmFigures) -> ArmFigures:
    values = {n: v for n, v in msgspec.structs.asdict(stated).items() if v is not None}
    return msgspec.structs.replace(measured, **values)


def _judged(settings: Settings, plan: Rollout, path: Path | None) -> Judged | None:
    if path is not None:
        verdict = _read(path, CanaryVerdict, "rollout-verdict")
    elif plan.kind != "model":
        return _judged_arms(settings, plan)
    else:
        from jobs.models.canary import compare_versions

        verdict = compare_versions(settings, plan.champion, plan.challenger)
        keep_verdict(settings, verdict)
    if (verdict.champion, verdict.challenger) != (plan.champion, plan.challenger):
        raise BadInput(
            f"the verdict is on {verdict.champion} and {verdict.challenger}, "
            f"the rollout is of {plan.champion} and {plan.challenger}",
            rule="rollout-verdict",
        )
    name = f"canary-{verdict.rule.version}"
    return Judged(
        name=name,
        outcome=verdict.outcome,
        reasons=verdict.reasons,
        certificate=verdict.certificate,
    )


def _judged_arms(settings: Settings, plan: Rollout) -> Judged | None:
    """The verdict on arms that treat leads; None where no model says which outcome counts."""
    from jobs.models.canary import compare_arms

    verdict = compare_arms(settings, plan)
    if verdict is None:
        return None
    name = f"{plan.kind}-canary-{verdict.rule.version}"
    return Judged(name=name, outcome=verdict.outcome, reasons=verdict.reasons)


def _read(path: Path, kind: type[T], rule: str) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError as bad:
        raise BadInput(str(bad), rule=rule, where=path.name) from bad
