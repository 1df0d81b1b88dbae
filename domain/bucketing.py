"""Where an account falls in a rollout: a hash of both, so that it never moves."""

from hashlib import blake2b
from typing import Literal

import msgspec

Arm = Literal["champion", "challenger", "holdout"]


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Where an account stood in one rollout, and what it takes to see why.

    `step` counts from 0; `weight` and `holdout` were the shares of challenger and holdout then.
    """

    rollout: str
    kind: Literal["model", "policy", "workflow"]
    mode: Literal["canary", "shadow", "blue_green", "holdout"]
    step: int
    weight: float
    holdout: float
    arm: Arm


def bucket(account: str, rollout: str) -> float:
    """A number in [0, 1): 53 bits of BLAKE2b of rollout and account.

    Uniform over accounts, and unrelated between rollouts.
    """
    digest = blake2b(f"{rollout}\0{account}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)
