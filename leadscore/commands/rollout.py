"""Commands about rollouts, of a model, a policy or a workflow."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from domain.errors import BadInput, Refused
from domain.versions.manifest import VersionKind
from leadscore.commands.models import promoted, user
from leadscore.terminal.interruption import interrupted_with
from leadscore.terminal.options import AsJson, By, Reason, group
from leadscore.terminal.output import put, put_json

if TYPE_CHECKING:
    from config.settings import Settings
    from jobs.models.canary import CheckedStep
    from registry.rollout_spec import RolloutSpec
    from registry.rollout_state import Rollout
    from registry.store import AnyRegistry

KINDS: tuple[VersionKind, ...] = get_args(VersionKind)
rollout = group("Rollouts: a challenger takes over from the champion, step by step.")
Kind = Annotated[str, typer.Option("--kind", help="model, policy or workflow.")]
Weight = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="This share of accounts; else the next declared step."),
]
HoldoutShare = Annotated[
    float | None, typer.Option("--holdout", min=0, max=1, help="Share of accounts drawn at random.")
]
Steps = Annotated[
    list[str] | None,
    typer.Option(
        "--step", metavar="WEIGHT[:HOURS[:DECISIONS]]", help="A step; give it once for each."
    ),
]
Plan = Annotated[Path | None, typer.Option("--plan", help="A YAML file with the whole plan.")]
Mode = Annotated[str | None, typer.Option(help="canary, shadow, blue_green or holdout.")]
Figures = Annotated[
    Path | None, typer.Option(help="JSON: decisions, error_rate, p99_ms, degraded, as measured.")
]
VerdictFile = Annotated[
    Path | None, typer.Option("--verdict", help="JSON of `leadscore canary compare --json`.")
]


@rollout.command("start")
def start(
    reason: Reason,
    plan: Plan = None,
    mode: Mode = None,
    step: Steps = None,
    holdout: HoldoutShare = None,
    kind: Kind = "model",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Start a rollout of the challenger, or let a holdout stand (of policies, --mode holdout)."""
    from jobs.models.rollouts import begin, read_course

    settings = _settings()
    options = {"mode": mode, "steps": step, "holdout": holdout}
    chosen = {name: value for name, value in options.items() if value not in (None, [])}
    if plan is not None and chosen:
        raise BadInput(
            f"--plan and {', '.join(sorted(chosen))} are given",
            rule="rollout-plan",
            todo="Give a file, or options.",
        )
    course = read_course(plan) if plan is not None else _course(chosen)
    started = begin(settings, _kind(kind), course, by=by or user(), reason=reason)
    _put_plan(started, as_json=as_json)


@rollout.command("status")
def status(
    kind: Annotated[
        str | None, typer.Option("--kind", help="model, policy or workflow; else all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What is under way: a rollout of each kind, and the standing holdout."""
    from wiring.registry import open_kind

    settings = _settings()
    kinds: tuple[VersionKind, ...] = KINDS if kind is None else (_kind(kind),)
    standings = {each: open_kind(settings, each).standing() for each in kinds}
    plans: dict[str, Rollout | None] = {each: now.rollout for each, now in standings.items()}
    if "policy" in standings:
        plans["holdout"] = standings["policy"].holdout
    if as_json:
        put_json(plans)
        return
    for name, plan in plans.items():
        put(f"{name}: {'nothing under way' if plan is None else _line(plan)}")


@rollout.command("advance")
def advance(
    reason: Reason,
    weight: Weight = None,
    holdout: HoldoutShare = None,
    kind: Kind = "model",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Take the next step, or give another share of accounts; --holdout: to the standing one."""
    from registry.global_holdout import set_share
    from registry.rollout import advance as run

    registry, who = _registry(kind), by or user()
    if holdout is not None and weight is not None:
        raise BadInput("a weight and a holdout are given", rule="rollout-plan", todo="Give one.")
    if holdout is not None:
        plan = set_share(registry, holdout, by=who, reason=reason)
    else:
        plan = run(registry, weight=weight, by=who, reason=reason)
    _put_plan(plan, as_json=as_json)


@rollout.command("hold")
def hold(
    reason: Reason,
    release: Annotated[bool, typer.Option("--release", help="Let it go on.")] = False,
    kind: Kind = "model",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Keep the rollout at its step; a breached limit still rolls it back."""
    from registry.rollout import hold as run

    plan = run(_registry(kind), by=by or user(), reason=reason, release=release)
    _put_plan(plan, as_json=as_json)


@rollout.command("abort")
def abort(
    reason: Reason,
    holdout: Annotated[bool, typer.Option("--holdout", help="The standing one.")] = False,
    kind: Kind = "model",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """End the rollout: the champion answers all. Or end the standing holdout."""
    from registry.global_holdout import end_holdout
    from registry.rollout import abort as run

    end = end_holdout if holdout else run
    plan = end(_registry(kind), by=by or user(), reason=reason)
    if as_json:
        put_json(plan)
        return
    put(f"{plan.id}: ended")


@rollout.command("tick")
def tick(
    figures: Figures = None,
    verdict: VerdictFile = None,
    kind: Kind = "model",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Decide by the evidence and act on it; exit 1 where it rolls back."""
    from jobs.models.rollouts import tick_rollout

    with interrupted_with(lambda: "nothing was decided: the rollout stands as it stood"):
        done, evidence = tick_rollout(
            _settings(), _kind(kind), by=by or user(), figures=figures, verdict=verdict
        )
    if as_json:
        put_json({"progress": done.progress, "plan": done.plan, "evidence": evidence})
    else:
        put(f"{done.progress.action}: {_line(done.plan)}")
        for reason in done.progress.reasons:
            put(f"  {reason}")
    if done.progress.action == "roll_back":
        raise Refused(f"{done.plan.id} is rolled back", rule="rollout-rolled-back")


@rollout.command("verify")
def verify(
    name: Annotated[str | None, typer.Argument(help="A rollout's id; else all.")] = None,
    kind: Kind = "model",
    as_json: AsJson = False,
) -> None:
    """Make the certificates again that steps rest on; exit 1 where one comes out otherwise."""
    from jobs.models.canary import verify_rollout

    steps = verify_rollout(_settings(), _kind(kind), name)
    if as_json:
        put_json(
            [
                {
                    "sequence": step.entry.sequence,
                    "rollout": step.entry.rollout.id if step.entry.rollout else "",
                    "sound": step.sound,
                    "recorded": step.recorded,
                    "recomputed": step.recomputed,
                }
                for step in steps
            ]
        )
    else:
        for step in steps:
            put(_checked_line(step))
    if wrong := [step.entry.sequence for step in steps if not step.sound]:
        raise Refused(
            f"ledger entries {', '.join(map(str, wrong))}: the certificate comes out otherwise",
            rule="rollout-certificate",
            todo="Leads that were merged, split or erased since change what became of decisions; "
            "`leadscore audit verify` says whether trail and ledger are sound.",
        )


def _checked_line(step: "CheckedStep") -> str:
    one = step.recorded
    result = "sound" if step.sound else "differs"
    return (
        f"{step.entry.sequence:>5}  {step.entry.kind:<20} {result:<8} "
        f"{one.accounts} accounts, log evidence no worse {one.log_no_worse:+.3f}, "
        f"worse {one.log_worse:+.3f}, proof from {one.log_needed:.3f}"
    )


@rollout.command("finish")
def finish(
    reason: Reason,
    changes: Annotated[
        int | None, typer.Option(min=0, help="Of a policy: as for `policy promote`.")
    ] = None,
    override: Annotated[bool, typer.Option(help="Finish though a gate refuses; marked.")] = False,
    kind: Kind = "model",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Make the challenger champion, if its gates let it: the rollout ends."""
    from jobs.models.rollouts import finish as run

    who, of_kind = by or user(), _kind(kind)
    with promoted(as_json=as_json) as report:
        report(run(_settings(), of_kind, by=who, reason=reason, changes=changes, override=override))


def _settings() -> "Settings":
    from config.settings import load_settings, quiet_libraries

    quiet_libraries()
    return load_settings()


def _registry(kind: str) -> "AnyRegistry":
    from wiring.registry import open_kind

    return open_kind(_settings(), _kind(kind))


def _kind(text: str) -> VersionKind:
    for kind in KINDS:
        if text == kind:
            return kind
    raise BadInput(
        f"--kind is {text!r}, must be {', '.join(KINDS[:-1])} or {KINDS[-1]}", rule="rollout-kind"
    )


def _course(chosen: dict[str, Any]) -> "RolloutSpec":
    from registry.rollout_spec import course_of

    steps = [_step(text) for text in chosen.get("steps", ())]
    return course_of({**chosen, "steps": steps}, "options")


def _step(text: str) -> dict[str, float | int]:
    """`0.05:24:500` is 5% for 24 hours and 500 decisions at least. Raises BadInput."""
    try:
        parts = text.split(":")
        weight, hours, decisions = [*parts, *["0"] * (3 - len(parts))]
        return {"weight": float(weight), "dwell_hours": float(hours), "decisions": int(decisions)}
    except ValueError:
        raise BadInput(
            f"--step is {text!r}, must be WEIGHT, WEIGHT:HOURS or WEIGHT:HOURS:DECISIONS",
            rule="rollout-plan",
        ) from None


def _put_plan(plan: "Rollout", *, as_json: bool) -> None:
    if as_json:
        put_json(plan)
    else:
        put(_line(plan))


def _line(plan: "Rollout") -> str:
    arms = f"{plan.champion} -> {plan.challenger}, " if plan.challenger else ""
    return f"{plan.id}: {arms}{plan.in_words}, since {(plan.since or plan.started)[:16]}"
