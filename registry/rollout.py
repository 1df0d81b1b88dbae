"""Rollouts: start, advance, hold and end the one that is under way. Serving hears by the cache.

Each change is one entry of the ledger, decided on the standing that it finds: of two processes
that start a rollout at once, one is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from domain.errors import Refused
from registry.ledger_entry import ChangeKind, LedgerDraft
from registry.registry_state import RegistryState
from registry.rollout_decision import Action, RolloutDecision, RolloutEvidence, decide
from registry.rollout_spec import STANDARD, RolloutSpec
from registry.rollout_state import Rollout
from registry.store import AnyRegistry
from registry.transitions import ArmAllocation, Author, rollout_entry, running, start_rollout


@dataclass(frozen=True, slots=True)
class Ticked:
    """What was decided, and the plan as it is now, or was when it was rolled back."""

    progress: RolloutDecision
    plan: Rollout


def status(registry: AnyRegistry) -> Rollout | None:
    """The rollout under way, by the ledger."""
    return registry.standing().rollout


def start(
    registry: AnyRegistry, *, by: str, reason: str, course: RolloutSpec = STANDARD
) -> Rollout:
    """Start a rollout of the challenger beside the champion.

    Raises NoModel where either is missing, Refused where a rollout is under way.
    """
    author = Author(by, reason)

    def act(standing: RegistryState) -> list[LedgerDraft]:
        if standing.rollout is not None:
            raise Refused(
                f"{standing.rollout.id} is under way",
                rule="rollout-single",
                todo="End it with `leadscore rollout abort --reason TEXT`, or change its share "
                "with `leadscore rollout advance --weight W`. A challenger gets no share at once "
                "where it is promoted with `--weight 0`.",
            )
        return start_rollout(standing, ArmAllocation(registry.now(), course), author)

    return running(registry.commit(act))


def advance(registry: AnyRegistry, *, by: str, reason: str, weight: float | None = None) -> Rollout:
    """Take the next step, whatever speaks against it; or give another share than declared.

    What holds the rollout is released. Raises Missing where no rollout is under way, Refused
    where every step is done, BadInput for a weight that cannot be.
    """
    author, now = Author(by, reason), registry.now()

    def act(plan: Rollout) -> tuple[ChangeKind, Rollout]:
        if weight is None:
            return "rollout_advanced", _next(plan, now)
        return "rollout_changed", msgspec.structs.replace(
            plan, weight=weight, since=now, held=False
        )

    return _change(registry, act, author)


def hold(registry: AnyRegistry, *, by: str, reason: str, release: bool = False) -> Rollout:
    """Keep the rollout at its step until it is released; limits still roll it back.

    Raises Missing where no rollout is under way.
    """

    def act(plan: Rollout) -> tuple[ChangeKind, Rollout]:
        return "rollout_held", msgspec.structs.replace(plan, held=not release)

    return _change(registry, act, Author(by, reason))


def abort(registry: AnyRegistry, *, by: str, reason: str) -> Rollout:
    """End the rollout under way; the challenger stays challenger, without a share. Returns it.

    Raises Missing where no rollout is under way.
    """
    author = Author(by, reason)
    ended: list[Rollout] = []

    def act(standing: RegistryState) -> list[LedgerDraft]:
        ended.append(running(standing))
        return [rollout_entry("rollout_aborted", ended[-1], author)]

    registry.commit(act)
    return ended[-1]


def tick(registry: AnyRegistry, evidence: RolloutEvidence, *, by: str) -> Ticked:
    """Decide by the evidence, and do it. Nothing is recorded where it holds.

    Raises Missing where no rollout is under way.
    """
    now, ticked = registry.now(), list[Ticked]()
    plan = running(registry.standing())
    progress = decide(plan, now, evidence)
    if progress.action == "hold":  # to write the cache anew would make every service load anew
        return Ticked(progress, plan)

    def act(standing: RegistryState) -> list[LedgerDraft]:
        plan = running(standing)  # of two at once, the second finds what the first did
        progress = decide(plan, now, evidence)
        author = Author(by, "; ".join(progress.reasons))
        after = _next(plan, now) if progress.action == "advance" else plan
        ticked.append(Ticked(progress, after))
        kind = _RECORDED.get(progress.action)
        return [] if kind is None else [rollout_entry(kind, after, author, evidence)]

    registry.commit(act)
    return ticked[-1]


_RECORDED: Mapping[Action, ChangeKind] = {
    "advance": "rollout_advanced",
    "roll_back": "rollout_rolled_back",
}


def _next(plan: Rollout, now: str) -> Rollout:
    at = plan.next_step
    if at is None:
        raise Refused(
            f"{plan.id} has no further step",
            rule="rollout-steps",
            todo="`finish` it, `abort` it, or give it a share with `--weight`.",
        )
    weight = plan.steps[at].weight
    return msgspec.structs.replace(plan, step=at, weight=weight, since=now, held=False)


def _change(
    registry: AnyRegistry,
    act: Callable[[Rollout], tuple[ChangeKind, Rollout]],
    author: Author,
) -> Rollout:
    def drafts(standing: RegistryState) -> list[LedgerDraft]:
        kind, plan = act(running(standing))
        return [rollout_entry(kind, plan, author)]

    return running(registry.commit(drafts))
