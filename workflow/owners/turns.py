"""Whose turn it is: owners of a pool take leads in turn, alike or by weight, up to their capacity.

Stride scheduling (Waldspurger and Weihl 1995): each lead moves its owner's turn on by one over its
weight, and the owner whose turn is least is next. Who was away or full comes back at the pool's
present turn, and makes up for nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from workflow.chart.lead_state import WorkflowEvent, WorkflowLead
from workflow.chart.statechart import ASSIGNED, UNASSIGNED
from workflow.owners.roster import PoolSpec, Roster

POOL = "pool:"
"""How the rows of pools are named, which hold their present turn."""
PLACE = "turn:"
"""How the rows of owners in pools are named: an owner's turns in two pools are its own in each."""


@dataclass(slots=True)
class Turn:
    """How many leads an owner has; of a pool, and of an owner in it, how far turns have come."""

    leads: int = 0
    turn: float = 0.0


@dataclass(slots=True)
class Turns:
    """The turns of all owners and pools; `changed` are those to be written back."""

    roster: Roster
    by_owner: dict[str, Turn] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)

    def answer(self, lead: WorkflowLead, now_us: int) -> WorkflowEvent:
        """The event that answers a lead's question for an owner."""
        pool = self.roster.pool(lead.facts.queue, lead.facts.owner_pool)
        owner = self._next(pool, lead.former, now_us) if pool else ""
        key = f"assignment:{lead.revision}"
        if not owner:
            return WorkflowEvent(id=key, lead_id=lead.lead_id, name=UNASSIGNED)
        return WorkflowEvent(
            id=key,
            lead_id=lead.lead_id,
            name=ASSIGNED,
            owner=owner,
            calendar=self.roster.owners[owner].calendar,
        )

    def moved(self, before: str, after: str) -> None:
        """Count a lead that went from one owner to another, "" for nobody."""
        for owner, change in ((before, -1), (after, 1)):
            if owner and before != after:
                self._of(owner).leads += change
                self.changed.add(owner)

    def _next(self, name: str, former: Collection[str], now_us: int) -> str:
        """The owner whose turn it is; one that had the lead only where nobody else has room."""
        pool = self.roster.pools[name]
        ready = [owner for owner in pool.owners if self._ready(owner, now_us)]
        ready = [owner for owner in ready if owner not in former] or ready
        if not ready:
            return ""
        floor = self._of(f"{POOL}{name}").turn
        chosen = min(ready, key=lambda o: (max(self._of(f"{PLACE}{name}/{o}").turn, floor), o))
        self._take(pool, name, chosen, floor)
        return chosen

    def _take(self, pool: PoolSpec, name: str, owner: str, floor: float) -> None:
        place = f"{PLACE}{name}/{owner}"
        turn = self._of(place)
        begin = max(turn.turn, floor)
        weight = self.roster.owners[owner].weight if pool.turns == "weighted" else 1.0
        turn.turn = begin + 1 / weight
        self._of(f"{POOL}{name}").turn = begin
        self.changed |= {place, f"{POOL}{name}"}

    def _ready(self, owner: str, now_us: int) -> bool:
        spec = self.roster.owners[owner]
        return self._of(owner).leads < spec.capacity and spec.here(now_us)

    def _of(self, owner: str) -> Turn:
        return self.by_owner.setdefault(owner, Turn())
