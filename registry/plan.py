"""A rollout: which share of accounts a challenger gets, and whether its answers count."""

from typing import Literal

import msgspec

from domain.errors import BadInput

Mode = Literal["canary", "shadow"]

DEFAULT_WEIGHT = 0.1
"""The share of accounts that a new challenger gets unless another is asked for."""


class RolloutPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout that is under way.

    `id` is unique in a ledger and stays when the weight changes, so that an account that has the
    challenger keeps it while the weight grows. `weight` is the share of accounts, in [0, 1];
    in mode `shadow` the challenger's scores are recorded and the champion's are answered.
    `started` is RFC 3339, UTC. Raises BadInput where the weight is outside [0, 1].
    """

    id: str
    kind: Literal["model", "policy"] = "model"
    champion: str
    challenger: str
    weight: float
    mode: Mode = "canary"
    started: str

    def __post_init__(self) -> None:
        if not 0.0 <= self.weight <= 1.0:
            raise BadInput(
                f"weight == {self.weight}, must be within 0 and 1", rule="rollout-weight"
            )
        if self.mode not in ("canary", "shadow"):
            raise BadInput(f"mode == {self.mode!r}, must be canary or shadow", rule="rollout-mode")
