"""The standing holdout: accounts whose routing is drawn at random, whichever version is champion.

It belongs to the policies: it outlives rollouts and promotions, so that an effect can be measured
over months on the same accounts.
"""

import msgspec

from domain.errors import BadInput, Missing, Refused
from registry.ledger_entry import LedgerDraft
from registry.registry_state import RegistryState
from registry.rollout_spec import RolloutSpec, begin
from registry.rollout_state import Rollout
from registry.store import AnyRegistry
from registry.transitions import Author, rollout_entry


def start_holdout(registry: AnyRegistry, share: float, *, by: str, reason: str) -> Rollout:
    """Start a standing holdout.

    Raises Refused where there is one, BadInput for models or a bad share.
    """
    author, course = Author(by, reason), RolloutSpec(mode="holdout", holdout=share)

    def act(standing: RegistryState) -> list[LedgerDraft]:
        if standing.kind != "policy":
            raise BadInput(
                "a standing holdout draws the routing, which is a policy's",
                rule="rollout-holdout",
                todo="Start it with --kind policy.",
            )
        if standing.holdout is not None:
            raise Refused(
                f"{standing.holdout.id} stands",
                rule="rollout-single",
                todo="Change its share, or end it first.",
            )
        name = f"holdout-{standing.sequence + 1}"
        plan = begin(course, name, standing.kind, ("", ""), registry.now())
        return [rollout_entry("rollout_started", plan, author)]

    return standing_holdout(registry.commit(act))


def set_share(registry: AnyRegistry, share: float, *, by: str, reason: str) -> Rollout:
    """Give the holdout another share; when it grows, nobody leaves it. Raises Missing, BadInput."""
    author, course = Author(by, reason), RolloutSpec(mode="holdout", holdout=share)

    def act(standing: RegistryState) -> list[LedgerDraft]:
        plan = msgspec.structs.replace(standing_holdout(standing), holdout=course.holdout)
        return [rollout_entry("rollout_changed", plan, author)]

    return standing_holdout(registry.commit(act))


def end_holdout(registry: AnyRegistry, *, by: str, reason: str) -> Rollout:
    """End the holdout: its accounts are routed as all others. Returns it. Raises Missing."""
    author = Author(by, reason)
    ended: list[Rollout] = []

    def act(standing: RegistryState) -> list[LedgerDraft]:
        ended.append(standing_holdout(standing))
        return [rollout_entry("rollout_aborted", ended[-1], author)]

    registry.commit(act)
    return ended[-1]


def standing_holdout(standing: RegistryState) -> Rollout:
    """The standing holdout. Raises Missing where there is none."""
    if standing.holdout is None:
        raise Missing(
            "there is no standing holdout",
            rule="rollout-holdout",
            todo="Start one with `leadscore rollout start --kind policy --mode holdout`.",
        )
    return standing.holdout
