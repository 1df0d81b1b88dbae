"""How a rollout is to go, as it is declared: by a YAML file, or by options."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from domain.errors import BadInput
from domain.versions.manifest import VersionKind
from registry.rollout_state import (
    DEFAULT_WEIGHT,
    Mode,
    Rollout,
    RolloutLimits,
    RolloutStep,
    check_shares,
)
from storage.config_numbers import PositiveDays, Share

_MODES: dict[Mode, tuple[RolloutStep, ...]] = {
    "canary": (RolloutStep(weight=DEFAULT_WEIGHT),),
    "shadow": (RolloutStep(weight=0.0),),
    "blue_green": (RolloutStep(weight=0.0), RolloutStep(weight=1.0)),
    "holdout": (RolloutStep(weight=0.0),),
}
"""The steps of each mode where none are declared."""

_Fault = tuple[bool, str, str]
"""Whether something is wrong, the key that it is about, and what."""


class RolloutSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a rollout is to go: its mode, its steps, its holdout and its limits.

    `needs_pass` says whether a step is left for the next one only on a verdict that passes: true,
    always; false, a verdict may be inconclusive; None, wherever one is made, which of policies
    none need be. A step that is not proven `patience_days` after it began is rolled back;
    None: it waits for ever. Raises BadInput where it contradicts itself.
    """

    mode: Mode = "canary"
    steps: tuple[RolloutStep, ...] = ()
    holdout: Share = 0.0
    limits: RolloutLimits = RolloutLimits()
    needs_pass: bool | None = None
    patience_days: PositiveDays | None = None

    def __post_init__(self) -> None:
        _check(self)

    @property
    def laid_out(self) -> tuple[RolloutStep, ...]:
        """The steps, those of the mode where none are declared."""
        return self.steps or _MODES[self.mode]


def course_of(document: object, where: str = "") -> RolloutSpec:
    """A course from a decoded YAML document. Raises BadInput, naming the key."""
    try:
        return msgspec.convert(document, RolloutSpec)
    except msgspec.ValidationError as bad:
        raise BadInput(
            str(bad),
            rule="rollout-plan",
            where=where,
            todo="See docs/rollouts.md for the keys of a plan.",
        ) from bad
    except BadInput as bad:
        raise BadInput(bad.what, rule=bad.rule, where=where, todo=bad.todo, key=bad.key) from bad


def canary(weight: float) -> RolloutSpec:
    """A canary of one step. Raises BadInput for a weight that cannot be."""
    return RolloutSpec(steps=(RolloutStep(weight=weight),))


def begin(
    course: RolloutSpec, name: str, kind: VersionKind, arms: tuple[str, str], started: str
) -> Rollout:
    """A rollout between `arms`, champion and challenger, at the first step of its course.

    Raises BadInput for what versions of that kind cannot do.
    """
    if kind == "workflow":
        _check_workflow(course)
    steps = course.laid_out
    return Rollout(
        id=name,
        kind=kind,
        champion=arms[0],
        challenger=arms[1],
        weight=steps[0].weight,
        mode=course.mode,
        started=started,
        steps=steps,
        since=started,
        holdout=course.holdout,
        limits=course.limits,
        needs_pass=course.needs_pass,
        patience_days=course.patience_days,
    )


def _check_workflow(course: RolloutSpec) -> None:
    """A lead begins in one workflow, and no other runs beside it."""
    limited = course.limits != RolloutLimits()
    for wrong, key, what in (
        (course.mode != "canary", "mode", f"mode is {course.mode}, of workflows it must be canary"),
        (course.holdout > 0, "holdout", "a holdout draws the routing, which is a policy's"),
        (limited, "limits", "limits are of answers, which a workflow does not give"),
    ):
        if wrong:
            raise BadInput(what, rule="rollout-plan", key=f"$.{key}")


def _check(course: RolloutSpec) -> None:
    weights = [step.weight for step in course.steps]
    for weight in weights or [0.0]:
        check_shares(weight, course.holdout)
    for wrong, key, what in (*_faults(course, weights), *_faults_of_mode(course, weights)):
        if wrong:
            raise BadInput(what, rule="rollout-plan", key=f"$.{key}")


def _faults(course: RolloutSpec, weights: Sequence[float]) -> list[_Fault]:
    patience = float("inf") if course.patience_days is None else course.patience_days
    return [
        (
            any(step.dwell_hours >= patience * 24 for step in course.steps),
            "patience_days",
            f"a step's dwell_hours must be below patience_days, {patience:g} days",
        ),
        (
            any(not step.dwell_hours >= 0 or step.decisions < 0 for step in course.steps),
            "steps",
            "a step's dwell_hours and decisions must be at least 0",
        ),
        (
            any(a >= b for a, b in pairwise(weights)),
            "steps",
            f"the weights of the steps are {weights}, must grow",
        ),
    ]


def _faults_of_mode(course: RolloutSpec, weights: Sequence[float]) -> list[_Fault]:
    judged = course.limits != RolloutLimits() or course.needs_pass or course.patience_days
    match course.mode:
        case "canary":
            return []
        case "shadow":
            what = f"a shadow has the weights {weights}, must have one step of weight 0 or none"
            return [(len(weights) > 1 or any(weights), "steps", what)]
        case "blue_green":
            return [
                (
                    bool(weights) and list(weights) != [0.0, 1.0],
                    "steps",
                    f"blue/green has the weights {weights}, must be 0 and then 1",
                ),
                (
                    course.holdout > 0,
                    "holdout",
                    "blue/green moves everybody, and so has no holdout: use a standing one",
                ),
            ]
        case "holdout":
            return [
                (
                    not course.holdout,
                    "mode",
                    "a standing holdout needs a share: holdout, above 0",
                ),
                (
                    bool(weights or judged),
                    "mode",
                    "a standing holdout has neither steps nor limits nor verdicts nor patience",
                ),
            ]


STANDARD = RolloutSpec()
"""A canary of one step, the default weight."""
