"""The graph of links between identifiers, as far as it is in memory.

Which identifiers are shared, which are connected, and which may be one person's: functions of the
links and of the limits alone. What follows for leads is in `signals.identity.resolver`.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from domain.identifiers import is_person, one_company
from signals.identifiers.limits import ResolutionLimits
from signals.identity.connected_components import components
from signals.identity.shared_identifiers import EMAIL, PHONE, why_by_itself, why_shared

Keys = tuple[str, ...]

LinkLoader = Callable[["LinkGraph", set[str]], None]
"""Fills in what is stored of these keys: their links, leads and rules, and their neighbours'."""


def _all_is_here(_: "LinkGraph", __: set[str]) -> None:
    """Load nothing: all keys were added before."""


class LinkGraph:
    """Identifiers, their links and their leads, in memory; what is not there is loaded.

    `links[key]` are a key's neighbours, `leads[key]` its lead, `rules[key]` why it joins nothing.
    `sides[key]` says on which side of each separation a key stands. `seen` are the sets of keys
    that were added.
    """

    def __init__(self, protections: ResolutionLimits, load: LinkLoader = _all_is_here) -> None:
        self.protections = protections
        self._loader = load
        self.clear()

    def clear(self) -> None:
        """Drop everything from memory, because it may have changed elsewhere."""
        self.links: dict[str, set[str]] = {}
        self.leads: dict[str, str] = {}
        self.rules: dict[str, str] = {}
        self.sides: dict[str, dict[int, int]] = {}
        self.seen: set[Keys] = set()

    def load(self, keys: set[str]) -> None:
        """Make sure that these keys' links are in memory."""
        self._loader(self, keys)

    @property
    def size(self) -> int:
        """How many identifiers are in memory."""
        return len(self.leads)

    def region(self, seeds: set[str]) -> set[str]:
        """Persons' identifiers connected with the seeds, and the seeds' neighbours."""
        region, edge = set(seeds), set(seeds)
        while edge:
            self.load(edge)
            reached = {
                other
                for key in edge
                if key in seeds or not self.why_alone(key)
                for other in self.links.get(key, ())
                if is_person(other)
            }
            edge = reached - region
            region |= edge
        return region

    def why_alone(self, key: str) -> str:
        """The rule by which a person's identifier joins nothing; "" where it may."""
        links, p = self.links.get(key, set()), self.protections
        if rule := why_by_itself(key, links, p):
            return rule
        if key[0] != PHONE or sum(other[0] == EMAIL for other in links) < 2:
            return ""
        near = {other for other in links if is_person(other) and other[0] != PHONE}
        self.load(near)
        able = {other for other in near if not why_by_itself(other, self.links[other], p)}
        return why_shared(components(able, self._linked_persons(able)))

    def clusters(self, keys: set[str]) -> list[set[str]]:
        """The persons that these identifiers stand for; none of them is shared by a rule."""
        if len(keys) == 1:
            return [keys]
        joined = components(keys, self._linked_persons(keys))
        whole = [c for c in joined if self._fits(c)]
        broken = [c for c in joined if not self._fits(c)]
        return whole + [part for c in broken for part in self._careful(c)]

    def _linked_persons(self, keys: set[str]) -> list[tuple[str, str]]:
        return [
            (key, other)
            for key in keys
            for other in self.links.get(key, ())
            if other in keys and (key < other or key not in self.links.get(other, ()))
        ]

    def _careful(self, keys: set[str]) -> list[set[str]]:
        """Join along the links in canonical order, as long as the result fits."""
        cluster_of = {key: {key} for key in keys}
        links = {(min(link), max(link)) for link in self._linked_persons(keys)}
        for a, b in sorted(links, key=lambda link: (link[1][0], link)):
            one, other = cluster_of[a], cluster_of[b]
            if one is other or not self._fits(one | other):
                continue
            one |= other
            cluster_of.update((key, one) for key in other)
        return list({id(c): c for c in cluster_of.values()}.values())

    def _fits(self, cluster: set[str]) -> bool:
        """Whether these may be one person's."""
        if len(cluster) == 1:
            return True
        if not one_company(cluster):
            return False
        most = self.protections.lead
        if len(cluster) > min(most.values()):
            kinds = Counter(key[0] for key in cluster)
            if any(kinds[kind] > limit for kind, limit in most.items()):
                return False
        return self.one_side(cluster)

    def one_side(self, cluster: Iterable[str]) -> bool:
        """Whether no separation lies between any two of these keys."""
        if not self.sides:
            return True
        stands: dict[int, int] = {}
        for key in cluster:
            for separation, side in self.sides.get(key, {}).items():
                if stands.setdefault(separation, side) != side:
                    return False
        return True

    def fellows(self, key: str) -> list[str]:
        """Keys on the same side of one of a key's separations."""
        mine = self.sides.get(key, {}).items()
        return [other for other, theirs in self.sides.items() if mine & theirs.items()]

    def crowded(self, key: str) -> bool:
        """Whether an identifier has more neighbours than a person's can have."""
        return len(self.links.get(key, ())) > self.protections.neighbours

    def slight(self, key: str) -> bool:
        """Whether this is an e-mail address that is known from machines only."""
        if key[0] != EMAIL:
            return False
        self.load({key})
        links = self.links.get(key, ())
        return bool(links) and not any(map(is_person, links))
