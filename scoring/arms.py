"""Which arm an account is in: a hash of both, so that one account never sees two answers."""

from hashlib import blake2b
from typing import Literal

from registry.plan import RolloutPlan

Arm = Literal["champion", "challenger"]


def assign(account: str, plan: RolloutPlan | None) -> Arm:
    """The arm of an account (or of a lead that has none) under a plan.

    Uniform over accounts and unrelated between rollouts. When a weight grows, accounts move into
    the challenger's arm only.
    """
    if plan is None or plan.mode == "shadow":
        return "champion"
    return "challenger" if place(account, plan.id) < plan.weight else "champion"


def place(account: str, rollout: str) -> float:
    """Where an account falls in a rollout, in [0, 1): 53 bits of BLAKE2b of both."""
    digest = blake2b(f"{rollout}\0{account}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)
