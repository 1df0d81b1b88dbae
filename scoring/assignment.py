"""Which arm an account is in: a hash of both, so that one account never sees two answers."""

from dataclasses import dataclass
from typing import Literal

from domain.bucketing import Arm, Assignment
from domain.scores import Arms
from registry.rollout_state import Rollout


def assign(account: str, plan: Rollout | None) -> Arm:
    """The arm of an account (or of a lead that has none) under a plan; of none the champion's."""
    return "champion" if plan is None else plan.arm_of(account)


VersionLabel = Literal["champion", "challenger"]
"""Who scores: a holdout has no version of its own."""


BOTH_CHAMPION = Arms()


@dataclass(frozen=True, slots=True)
class Plans:
    """What is under way: a rollout of models, one of policies, and the standing holdout."""

    model: Rollout | None = None
    policy: Rollout | None = None
    holdout: Rollout | None = None


@dataclass(frozen=True, slots=True)
class AssignedArm:
    """An account's arm in every rollout that is under way.

    `drawn_by` is the rollout by which its routing is drawn at random, "" for none.
    """

    arms: Arms = BOTH_CHAMPION
    arm: Arm = "champion"
    each: tuple[Assignment, ...] = ()
    drawn_by: str = ""

    @property
    def version(self) -> VersionLabel:
        """Which version of the model answers."""
        return "challenger" if self.arms.model == "challenger" else "champion"


NOWHERE = AssignedArm()


def assign_all(account: str, plans: Plans) -> AssignedArm:
    """The arms of an account. Who is in the standing holdout is in no rollout of policies."""
    standing = assign(account, plans.holdout)
    policy_plan = None if standing == "holdout" else plans.policy
    arms = Arms(
        model=assign(account, plans.model),
        policy="holdout" if standing == "holdout" else assign(account, policy_plan),
    )
    rollouts = ((plans.holdout, standing), (policy_plan, arms.policy), (plans.model, arms.model))
    each = tuple(plan.assignment(arm) for plan, arm in rollouts if plan is not None)
    if not each:
        return NOWHERE
    drawn_by = next((one.rollout for one in each if one.arm == "holdout"), "")
    return AssignedArm(arms, overall(arms), each, drawn_by)


def overall(arms: Arms) -> Arm:
    """What an answer says of both arms: holdout before challenger before champion."""
    both = {arms.model, arms.policy}
    if "holdout" in both:
        return "holdout"
    return "challenger" if "challenger" in both else "champion"
