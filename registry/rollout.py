"""Rollouts: start, change and end the one that is under way. Serving hears of it by the cache."""

import msgspec

from domain.errors import Refused
from registry.entry import Draft
from registry.plan import DEFAULT_WEIGHT, Mode, RolloutPlan
from registry.standing import Standing
from registry.store import AnyRegistry
from registry.transitions import Author, Share, change_rollout, end_rollout, running, start_rollout


def status(registry: AnyRegistry) -> RolloutPlan | None:
    """The rollout under way, by the ledger."""
    return registry.standing().rollout


def start(
    registry: AnyRegistry,
    *,
    by: str,
    reason: str,
    weight: float = DEFAULT_WEIGHT,
    mode: Mode = "canary",
) -> RolloutPlan:
    """Start a rollout of the challenger beside the champion.

    Raises NoModel where either is missing, Refused where a rollout is under way, BadInput for a
    weight outside [0, 1].
    """
    author = Author(by, reason)

    def decide(standing: Standing) -> list[Draft]:
        if standing.rollout is not None:
            raise Refused(
                f"{standing.rollout.id} is under way",
                rule="rollout-single",
                todo="Change its weight, or abort it first.",
            )
        return start_rollout(standing, Share(registry.now(), weight, mode), author)

    return running(registry.commit(decide))


def set_weight(registry: AnyRegistry, weight: float, *, by: str, reason: str) -> RolloutPlan:
    """Give the challenger another share of accounts; the rollout keeps its id.

    Raises Missing where no rollout is under way, BadInput for a weight outside [0, 1].
    """
    author = Author(by, reason)

    def decide(standing: Standing) -> list[Draft]:
        plan = msgspec.structs.replace(running(standing), weight=weight)
        return change_rollout(plan, author)

    return running(registry.commit(decide))


def abort(registry: AnyRegistry, *, by: str, reason: str) -> RolloutPlan:
    """End the rollout under way; the challenger stays challenger, without a share. Returns it.

    Raises Missing where no rollout is under way.
    """
    author = Author(by, reason)
    ended: list[RolloutPlan] = []

    def decide(standing: Standing) -> list[Draft]:
        ended.append(running(standing))
        return end_rollout(standing, author)

    registry.commit(decide)
    return ended[0]
