"""A policy that is asked once for all facts that it cannot tell apart."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from decisions.backtest.fact_cells import FactCells, FactKey
from decisions.backtest.facts_behind import ROUTING_FIELDS, facts_behind
from decisions.backtest.routed_record import Routing, routing_of
from decisions.policy.holdout import routings
from decisions.policy.jdm import Graph, read_graph
from decisions.policy.policy import PolicyFile, load_policy
from decisions.policy.zen_policy import ZenPolicy
from domain.decisions import Facts
from domain.errors import Refused
from domain.scores import Decision

MOST = 200_000
"""So many decisions are remembered; further ones are asked for each time."""
CHECKED = 64
"""Of the facts that share a key, every so many-th is asked for anyhow, and compared."""


class RememberedPolicy:
    """Satisfies `domain.ports.Policy`; for replaying many facts on one thread.

    Raises Refused where the engine decides unlike what is remembered for facts of the same cells.
    """

    def __init__(
        self, policy: ZenPolicy, graph: Graph, capacities: Mapping[str, float] | None = None
    ) -> None:
        """`capacities`: leads a day that queues can take, as the policy declares."""
        self.capacities = dict(capacities or {})
        self._policy, self._cells = policy, FactCells(graph)
        self._routing_cells = FactCells(graph, facts_behind(graph, ROUTING_FIELDS))
        self._decisions: dict[FactKey, Decision] = {}
        self._routings: dict[FactKey, tuple[Routing, ...]] = {}
        self._hits = 0

    @property
    def label(self) -> str:
        """Name and version."""
        return self._policy.label

    @property
    def looks_at(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The attributes and the features that its expressions name."""
        return self._policy.looks_at

    @property
    def grades(self) -> tuple[tuple[str, float], ...]:
        """Its grades with their least probability, the best first."""
        return self._policy.grades

    @property
    def fingerprint(self) -> str:
        """Two policies with the same one decide the same."""
        return self._policy.fingerprint

    @property
    def evaluated(self) -> int:
        """Different facts that the engine was asked about."""
        return len(self._decisions)

    def grade(self, score: float) -> str:
        """A to D."""
        return self._policy.grade(score)

    def decide(self, facts: Facts) -> Decision:
        """What to do about a lead whose facts carry the policy's own grade."""
        key = self._cells.key(facts)
        decision = self._decisions.get(key)
        if decision is None:
            decision = self._policy.decide(facts)
            if len(self._decisions) < MOST:
                self._decisions[key] = decision
            return decision
        self._hits += 1
        if self._hits % CHECKED == 0 and self._policy.decide(facts) != decision:
            raise Refused(
                f"{self.label} decides differently on facts that its conditions do not tell apart",
                rule="backtest-cells",
                todo="Report it with the policy's file: the replay rests on its conditions.",
            )
        return decision

    def routings(self, facts: Facts) -> tuple[Routing, ...]:
        """The routings that it could give to a lead whatever the score.

        See `decisions.policy.holdout.routings`.
        """
        key = self._routing_cells.key(facts, scored=False)
        possible = self._routings.get(key)
        if possible is None:
            possible = tuple(routing_of(one) for one in routings(self, facts))
            if len(self._routings) < MOST:
                self._routings[key] = possible
        return possible


def remembered(path: Path, label: str | None = None) -> RememberedPolicy:
    """The policy that a file holds, by its label, else the file's own. Raises BadConfiguration."""
    policy = load_policy(path, label)
    file = msgspec.json.decode(path.read_bytes(), type=PolicyFile)
    return RememberedPolicy(policy, read_graph(bytes(file.decision)), file.capacities)
