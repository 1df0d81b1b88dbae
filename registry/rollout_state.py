"""A rollout that is under way: which share of accounts each arm gets, and how it is to go on."""

from typing import Literal, get_args

import msgspec

from domain.bucketing import Arm, Assignment, bucket
from domain.errors import BadInput
from domain.versions.manifest import VersionKind
from storage.config_numbers import Count, Hours, PositiveMagnitude, Share

Mode = Literal["canary", "shadow", "blue_green", "holdout"]

DEFAULT_WEIGHT = 0.1
"""The share of accounts that a new challenger gets unless another is asked for."""


class RolloutStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share of accounts for the challenger, and what it takes to go beyond it.

    It is kept for `dwell_hours` at least, and until the challenger's arm made so many decisions.
    """

    weight: Share
    dwell_hours: Hours = 0.0
    decisions: Count = 0


class RolloutLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the challenger's arm may not exceed; None: not looked at.

    `error_rate` and `degraded` are shares of its answers, `p99_ms` is a latency in milliseconds.
    They are looked at once the arm made `after` decisions.
    """

    error_rate: Share | None = None
    p99_ms: PositiveMagnitude | None = None
    degraded: Share | None = None
    after: Count = 0


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout that is under way, or a standing holdout.

    `id` is unique in a ledger and stays when a weight changes, so that an account that has the
    challenger keeps it while the weight grows. `weight` and `holdout` are shares of accounts, in
    [0, 1], together at most 1. In mode `shadow` the challenger's answers are recorded and the
    champion's are given; in mode `blue_green` the weight goes from 0 to 1 at once; in mode
    `holdout` there is no challenger, and no champion is named: the plan outlives champions.
    `step` counts from 0 in `steps`, which are empty where none were declared; it was reached at
    `since` ("": when the rollout started). `held` says that a person stopped it there. A step that
    is not proven within `patience_days` is rolled back; None: it waits for ever.
    Moments are RFC 3339, UTC. Raises BadInput for shares that cannot be.
    """

    id: str
    kind: VersionKind = "model"
    champion: str
    challenger: str
    weight: float
    mode: Mode = "canary"
    started: str
    steps: tuple[RolloutStep, ...] = ()
    step: int = 0
    since: str = ""
    held: bool = False
    holdout: float = 0.0
    limits: RolloutLimits = RolloutLimits()
    needs_pass: bool | None = None
    patience_days: float | None = None

    def __post_init__(self) -> None:
        check_shares(self.weight, self.holdout)
        if self.mode not in get_args(Mode):
            raise BadInput(
                f"mode == {self.mode!r}, must be one of {', '.join(get_args(Mode))}",
                rule="rollout-mode",
            )

    @property
    def next_step(self) -> int | None:
        """The first later step with a larger weight; None where there is none."""
        later = range(self.step + 1, len(self.steps))
        return next((i for i in later if self.steps[i].weight > self.weight), None)

    def arm_of(self, account: str) -> Arm:
        """The arm of an account, or of a lead that has none.

        The challenger's arm is at the lower end of the unit interval, the holdout at the upper one:
        when either grows, accounts move into it, and nobody else moves.
        """
        return arm_at(bucket(account, self.id), self.mode, self.weight, self.holdout)

    def assignment(self, arm: Arm) -> Assignment:
        """What is recorded of whoever is in an arm."""
        return Assignment(
            rollout=self.id,
            kind=self.kind,
            mode=self.mode,
            step=self.step,
            weight=self.weight,
            holdout=self.holdout,
            arm=arm,
        )

    @property
    def in_words(self) -> str:
        """The plan in a few words: `canary, step 2 of 3, weight 0.2, holdout 0.05, on hold`."""
        parts = [] if self.mode == "holdout" else [str(self.mode)]
        if len(self.steps) > 1:
            parts.append(f"step {self.step + 1} of {len(self.steps)}")
        if self.mode in ("canary", "blue_green"):
            parts.append(f"weight {self.weight:g}")
        if self.holdout:
            parts.append(f"holdout {self.holdout:g}")
        if self.held:
            parts.append("on hold")
        return ", ".join(parts)


ANSWERING: frozenset[Mode] = frozenset({"canary", "blue_green"})
"""The modes in which a challenger's answers are given."""


def arm_at(at: float, mode: Mode, weight: float, holdout: float) -> Arm:
    """The arm at a place in [0, 1)."""
    if at >= 1.0 - holdout:
        return "holdout"
    return "challenger" if mode in ANSWERING and at < weight else "champion"


def check_shares(weight: float, holdout: float) -> None:
    """Raise BadInput where a challenger and a holdout cannot have these shares of accounts."""
    if not 0.0 <= weight <= 1.0:
        raise BadInput(f"weight == {weight}, must be within 0 and 1", rule="rollout-weight")
    if not 0.0 <= holdout <= 1.0:
        raise BadInput(f"holdout == {holdout}, must be within 0 and 1", rule="rollout-holdout")
    if weight + holdout > 1.0:
        raise BadInput(
            f"weight {weight:g} and holdout {holdout:g} must not exceed 1 together",
            rule="rollout-weight",
            key="$.holdout",
        )
