"""The persons that identifiers stand for, and the devices that join them."""

from domain.identifiers import STRENGTH, IdentifierKind, is_machine, is_person
from signals.identity.link_graph import LinkGraph

TEAM_MAILBOX = "team-mailbox"
_EMAIL = f"{STRENGTH[IdentifierKind.EMAIL]:x}"
_SHAREABLE = f"{STRENGTH[IdentifierKind.PHONE]:x}"
"""From this kind on, two of a kind may be one person's."""


class PersonClusters:
    """The persons that some identifiers reach, and what machines join them."""

    def __init__(self, graph: LinkGraph, seeds: set[str]) -> None:
        self._graph = graph
        self._cluster: dict[str, frozenset[str]] = {}
        self.rules: dict[str, str] = {}
        self._core: set[frozenset[str]] = set()
        self._bridges: dict[str, set[frozenset[str]]] = {}
        self._judged: set[str] = set()
        edge = self._learn(seeds)
        seen: set[str] = set()
        while edge:
            self._core |= edge
            machines = self._machines(edge) - seen
            seen |= machines
            edge = self._over(machines) if machines else set()

    def joined(self) -> list[set[str]]:
        """The persons, with those merged that a device joins."""
        group_of = {c: {c} for c in self._core if not self._alone(c)}
        for machine in sorted(self._bridges):
            groups = {id(g): g for g in (group_of[c] for c in self._bridges[machine])}
            together = set().union(*groups.values())
            if len(groups) > 1 and self._complete(together):
                group_of.update((c, together) for c in together)
        distinct = {id(g): g for g in group_of.values()}
        return [set().union(*g) for g in distinct.values()]

    def _learn(self, seeds: set[str]) -> set[frozenset[str]]:
        """Find the persons that seeds are of, as far as links between their identifiers go."""
        unknown = seeds - self._cluster.keys()
        if not unknown:
            return {self._cluster[key] for key in seeds}
        region = self._graph.region(unknown)
        rules = {key: self._graph.why_alone(key) for key in region}
        self.rules.update(rules)
        parts = [{key} for key, rule in rules.items() if rule]
        parts += self._graph.clusters({key for key, rule in rules.items() if not rule})
        for part in parts:
            cluster = frozenset(part)
            self._cluster.update((key, cluster) for key in cluster)
        return {self._cluster[key] for key in region | seeds}

    def _alone(self, cluster: frozenset[str]) -> bool:
        return any(self.rules[key] for key in cluster)

    def _machines(self, clusters: set[frozenset[str]]) -> set[str]:
        links = self._graph.links
        return {
            other
            for cluster in clusters
            for key in cluster
            for other in links.get(key, ())
            if is_machine(other)
        }

    def _over(self, machines: set[str]) -> set[frozenset[str]]:
        """Persons not met before that machines join to those met, or did join to them."""
        graph = self._graph
        linked = self._look(machines)
        self._judge_mailboxes(linked)
        keys_met = {key for keys in linked.values() for key in keys}
        turned = {key for key in keys_met if self.rules[key] != graph.rules.get(key, "")}
        reached = set()
        for keys in linked.values():
            clusters = {self._cluster[key] for key in keys}
            mates = {graph.leads.get(k) for c in clusters & self._core for k in c}
            reached |= {c for c in clusters if any(graph.leads.get(k, "-") in mates for k in c)}
            if not turned.isdisjoint(keys):
                reached |= clusters
        for machine, keys in linked.items():
            able = {c for key in keys if not self._alone(c := self._cluster[key])}
            self._bridges.pop(machine, None)
            if len(able) > 1 and machine not in graph.sides and self._complete(able):
                self._bridges[machine] = able
                reached |= able
        return reached - self._core

    def _look(self, machines: set[str]) -> dict[str, list[str]]:
        """The persons' identifiers that machines are linked to, their persons found."""
        self._graph.load(machines)
        linked = {m: self._linked(m) for m in machines if not self._graph.crowded(m)}
        self._learn({key for keys in linked.values() for key in keys})
        return linked

    def _judge_mailboxes(self, linked: dict[str, list[str]]) -> None:
        """Decide which addresses that are known from devices only belong to a team."""
        slight = {key for keys in linked.values() for key in keys if self._slight(key)}
        if slight <= self._judged:
            return
        around = {m for key in slight - self._judged for m in self._graph.links[key]}
        near = self._look(around)
        for key in slight - self._judged:
            persons = {
                self._cluster[other]
                for machine in self._graph.links[key]
                for other in near.get(machine, ())
                if other != key and not self._slight(other) and not self.rules[other]
            }
            self.rules[key] = TEAM_MAILBOX if len(persons) > 1 else ""
        self._judged |= slight

    def _slight(self, key: str) -> bool:
        """Whether an e-mail address is known from machines only."""
        if key in self._judged:
            return True
        return not self.rules[key] and self._graph.slight(key)

    def _linked(self, machine: str) -> list[str]:
        return [
            key
            for key in self._graph.links.get(machine, ())
            if is_person(key) and self._graph.one_side((machine, key))
        ]

    def _complete(self, clusters: set[frozenset[str]]) -> bool:
        """Whether these could be one person, each known by other kinds of identifier."""
        kinds = [kind for c in clusters for kind in {key[0] for key in c} if kind < _SHAREABLE]
        keys = [key for c in clusters for key in c]
        return len(kinds) == len(set(kinds)) and self._graph.one_side(keys)
