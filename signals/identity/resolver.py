"""Who is who: which identifiers are one lead's, as a function of the set of events alone.

Identifiers seen on one event are linked. What may join follows from the links only, never from
the order in which they came:

1. An identifier is nobody's own when it has too many neighbours, when it is linked to e-mail
   addresses that are not all of one company, or to more of a kind than one person has
   (`Protections`); an address or a telephone also when it is used under the names of several
   people; a telephone also when it is linked to records that have addresses of their own; an
   address also when it is known from machines only, and those are of several persons: a mailbox
   that a team reads. It joins nothing. An address or a telephone together with a name is an
   identifier of its own (`domain.identifiers.named_key`), which joins what the address alone may
   not.
2. The remaining identifiers of persons (CRM id, user id, e-mail, phone) are joined along their
   links: connected components. Where a component would hold two companies, too many names of a
   kind, or both sides of a separation, its links are taken in a canonical order, strongest kinds
   first, and one that would break the rule is refused.
3. A machine (cookie, device) that is linked to several of these joins them if they complete each
   other: a CRM id, a user id, an e-mail address each from one of them only. If not, it belongs to
   the one that is known otherwise too, where the other is an address known from machines only; or
   else it is shared, and joins nothing: it may be a kiosk.
4. Machines linked to machines only are joined with each other, and follow the one person that they
   lead to.
5. Links between the sides of a separation, which a person decided, count for nothing; a machine of
   one side joins nobody, and follows only a person that stands on its side.

A lead is named after the smallest key in it, so an id never depends on history either, and an old
id is resolved by the identifier that gave it its name.
"""

from collections.abc import Container, Iterable, Iterator, Sequence, Set
from sys import intern
from typing import NamedTuple

from domain.identifiers import MAILBOX, PLACEHOLDER, is_machine, is_person, lead_id
from signals.identity.connected_components import components
from signals.identity.link_graph import Keys, LinkGraph
from signals.identity.person_clusters import PersonClusters
from signals.identity.shared_identifiers import PHONE, TOO_MANY, TWO_PEOPLE

_NAMELESS = {MAILBOX: "shared-mailbox", PLACEHOLDER: "placeholder"}


class Move(NamedTuple):
    """An identifier whose lead changed; `before` is "" for one not seen before."""

    key: str
    before: str
    after: str


class Link(NamedTuple):
    """A key's new neighbour, and the set of keys that linked them."""

    key: str
    other: str
    keys: Keys


class Resolved(NamedTuple):
    """What some events changed: new links, identifiers that moved, rules that changed.

    `flipped` are identifiers, known before, that became shared or ceased to be.
    """

    links: list[Link]
    moves: list[Move]
    flipped: list[str]


class Resolver(LinkGraph):
    """Decides which identifiers are one lead's, as sets of them are added to the graph."""

    def add(self, sets: Iterable[Keys]) -> Resolved:
        """Add the sets of keys that came together on one event each, keys ascending."""
        fresh = {tuple(map(intern, keys)) for keys in sets if keys not in self.seen}
        if not fresh:
            return Resolved([], [], [])
        touched = {key for keys in fresh for key in keys}
        self.load(touched)
        links = [link for keys in sorted(fresh) for link in self._link(keys)]
        new = {key for key in touched if key not in self.leads}
        lonely = {key for key in new if not self.links.get(key) and key not in self.sides}
        self.seen |= fresh
        linked = {link.key for link in links}
        seeds = linked | new | self._phones_judged_anew(linked)
        return self.resolve(seeds - lonely, links, lonely)

    def _phones_judged_anew(self, linked: set[str]) -> set[str]:
        """Telephones that other people's links make shared, or nobody's links any more."""
        near = {o for key in linked if is_person(key) for o in self.links[key] if o[0] == PHONE}
        self.load(near)
        return {p for p in near - linked if self.why_alone(p) != self.rules.get(p, "")}

    def _link(self, keys: Keys) -> Iterator[Link]:
        """Link keys with each other; a key with too many neighbours takes no more."""
        joining = [key for key in keys if key[0] < MAILBOX]
        for key in joining:
            mine = self.links.setdefault(key, set())
            for other in joining:
                crowded = len(mine) > self.protections.neighbours
                if other != key and other not in mine and not crowded:
                    mine.add(other)
                    yield Link(key, other, keys)

    def resolve(
        self, seeds: Set[str], links: Sequence[Link] = (), lonely: Iterable[str] = ()
    ) -> Resolved:
        """Decide again about all keys that the links, or the sides, of these keys can reach.

        `lonely` are new keys that are linked to nothing: nothing needs deciding about them.
        """
        after: dict[str, tuple[str, str]]
        after = {key: (lead_id(key), _NAMELESS.get(key[0], "")) for key in lonely}
        if not seeds:
            return self._settle(after, links)
        strong: set[str] = set()
        weak: set[str] = set()
        for key in seeds:
            if key[0] >= MAILBOX:
                after[key] = (lead_id(key), _NAMELESS[key[0]])
            else:
                (strong if is_person(key) else weak).add(key)
        self.load(weak)
        strong |= {o for key in weak for o in self.links.get(key, ()) if is_person(o)}
        if strong:
            after.update(self._persons(strong))
            weak |= self._machines_of(after) | self._linked_to(strong)
        if weak:
            self._machines(weak, after)
        return self._settle(after, links)

    def route(self, keys: Keys) -> str:
        """The key whose lead an event with these keys belongs to."""
        return home(keys, self.rules)

    # -- persons -----------------------------------------------------------------------------

    def _persons(self, seeds: set[str]) -> dict[str, tuple[str, str]]:
        """Lead and rule of every person's identifier that the seeds reach."""
        persons = PersonClusters(self, seeds)
        out: dict[str, tuple[str, str]] = {
            key: (lead_id(key), rule) for key, rule in persons.rules.items() if rule
        }
        for cluster in persons.joined():
            name = lead_id(min(cluster))
            out.update((key, (name, "")) for key in cluster)
        return out

    # -- machines ----------------------------------------------------------------------------

    def _machines_of(self, after: dict[str, tuple[str, str]]) -> set[str]:
        """Machines linked to persons' identifiers that changed."""
        changed = [
            key
            for key, (lead, rule) in after.items()
            if is_person(key) and (self.leads.get(key) != lead or self.rules.get(key, "") != rule)
        ]
        near = {other for key in changed for other in self.links.get(key, ())}
        near.update(other for key in changed if key in self.sides for other in self.fellows(key))
        return {key for key in near if is_machine(key)}

    def _machines(self, seeds: set[str], after: dict[str, tuple[str, str]]) -> None:
        """Decide what the seeds reach over machines that no person owns."""
        owners: dict[str, set[str]] = {}
        edge = set(seeds)
        while edge:
            self.load(edge)
            owners.update((key, self._owners(key, after)) for key in edge)
            edge = {
                other
                for key in edge
                if key in seeds or not owners[key]
                for other in self._linked_machines(key, even_crowded=key in seeds)
            } - owners.keys()
        free = set()
        for key, owned in owners.items():
            if self.crowded(key):
                after[key] = (lead_id(key), TOO_MANY)
            elif len(owned) > 1:
                after[key] = (lead_id(key), TWO_PEOPLE)
            elif owned:
                after[key] = (next(iter(owned)), "")
            else:
                free.add(key)
        links = [(k, o) for k in free for o in self._linked_machines(k) if o in free]
        for cluster in components(free, links):
            self._follow(cluster, after)

    def _follow(self, cluster: set[str], after: dict[str, tuple[str, str]]) -> None:
        """Put machines that are linked to machines only where they lead to."""
        if not self.one_side(cluster):
            after.update((key, (lead_id(key), "")) for key in cluster)
            return
        lead = self._leads_to(cluster, after) or lead_id(min(cluster))
        after.update((key, (lead, "")) for key in cluster)

    def _owners(self, key: str, after: dict[str, tuple[str, str]]) -> set[str]:
        """The leads of the persons that a machine is linked to.

        Between one person and one address known from machines only, the person counts.
        """
        owners: dict[str, bool] = {}
        for other in self.links.get(key, ()):
            if is_person(other):
                lead, rule = self._current(other, after)
                if not rule and self.one_side((key, other)) and self._may_follow(key, lead, after):
                    owners[lead] = owners.get(lead, True) and self.slight(other)
        if len(owners) == 2 and sum(owners.values()) == 1:
            return {lead for lead, slight in owners.items() if not slight}
        return set(owners)

    def _linked_to(self, keys: set[str]) -> set[str]:
        near = {other for key in keys for other in self.links.get(key, ())}
        return {key for key in near if is_machine(key)}

    def _may_follow(self, key: str, lead: str, after: dict[str, tuple[str, str]]) -> bool:
        """Whether a person of a lead stands on the same side of each of a machine's separations."""
        if key not in self.sides:
            return True
        fellows = {other for other in self.fellows(key) if is_person(other)}
        self.load(fellows)
        stand = [self.sides[o] for o in fellows if self._current(o, after)[0] == lead]
        return all(
            any(theirs.get(separation) == side for theirs in stand)
            for separation, side in self.sides[key].items()
        )

    def _linked_machines(self, key: str, *, even_crowded: bool = False) -> list[str]:
        if not even_crowded and self.crowded(key):
            return []
        return [
            other
            for other in self.links.get(key, ())
            if is_machine(other) and self.one_side((key, other))
        ]

    def _leads_to(self, cluster: set[str], after: dict[str, tuple[str, str]]) -> str:
        """The one person's lead that these machines lead to, if it is one."""
        leads = {
            lead
            for key in cluster
            for other in self._linked_machines(key)
            if other not in cluster
            for lead, rule in [self._current(other, after)]
            if not rule
        }
        lead = leads.pop() if len(leads) == 1 else ""
        return lead if lead and all(self._may_follow(k, lead, after) for k in cluster) else ""

    def _current(self, key: str, after: dict[str, tuple[str, str]]) -> tuple[str, str]:
        return after.get(key) or (self.leads.get(key, lead_id(key)), self.rules.get(key, ""))

    # -- the result --------------------------------------------------------------------------

    def _settle(self, after: dict[str, tuple[str, str]], links: Sequence[Link]) -> Resolved:
        moves, flipped = [], []
        for key, (lead, rule) in after.items():
            before = self.leads.get(key, "")
            if before != lead:
                moves.append(Move(key, before, lead))
                self.leads[key] = lead
            if self.rules.get(key, "") != rule:
                if before:
                    flipped.append(key)
                if rule:
                    self.rules[key] = rule
                else:
                    self.rules.pop(key, None)
        return Resolved(list(links), moves, flipped)


def home(keys: Keys, rules: Container[str]) -> str:
    """The key whose lead an event belongs to: persons first, then identifiers that are not shared.

    `keys` ascend; `rules` has the shared ones.
    """
    first = keys[0]
    if len(keys) == 1 or (is_person(first) and first not in rules):
        return first
    return min(keys, key=lambda k: (not is_person(k), k in rules or k[0] >= MAILBOX, k))
