"""The resolver's memory in the database: identifiers, links and separations."""

from collections.abc import Iterable, Mapping, Sequence
from sys import intern

from sqlalchemy import Connection, delete, select

from signals.identifiers.limits import ResolutionLimits
from signals.identity.link_graph import Keys, LinkGraph
from signals.identity.resolver import Resolved, Resolver
from signals.store.tables import identifiers, links, separations
from storage.sql import among, write

REMEMBERED = 150_000
"""So many identifiers stay in memory between batches: about a kilobyte each."""


class Identities:
    """A resolver over one database, for one writer at a time.

    Its memory is valid as long as nobody else writes; `begin` is told whether somebody did.
    """

    def __init__(self, protections: ResolutionLimits) -> None:
        self._resolver = Resolver(protections, self._load)
        self._loaded: set[str] = set()
        self._connection: Connection | None = None

    @property
    def resolver(self) -> Resolver:
        """What is in memory."""
        return self._resolver

    def begin(self, connection: Connection, *, fresh: bool) -> None:
        """Work in this transaction; `fresh`: nobody else wrote since the last one."""
        self._connection = connection
        if not fresh or self._resolver.size > REMEMBERED or not self._loaded:
            self.forget()
            self._loaded.add("")
            self._resolver.sides = read_sides(connection)

    def forget(self) -> None:
        """Drop the memory: a transaction was rolled back, or somebody else wrote."""
        self._resolver.clear()
        self._loaded.clear()

    def save(self, resolved: Resolved, event_of: Mapping[Keys, str]) -> None:
        """Write what changed; `event_of` names the first event that carried a set of keys."""
        r, connection = self._resolver, self._at()
        changed = {move.key for move in resolved.moves} | set(resolved.flipped)
        rows = [(k, r.leads[k], r.rules.get(k, "")) for k in sorted(changed)]
        write(connection, identifiers, ("key", "lead_id", "rule"), rows, conflict="replace")
        new = [(link.key, link.other, event_of[link.keys]) for link in resolved.links]
        write(connection, links, ("key", "other", "event_key"), new, conflict="leave")

    def keys_of(self, leads: Sequence[str]) -> list[str]:
        """The identifiers that are stored as those of some leads, loaded."""
        query = select(identifiers.c["key"])
        keys = [r.key for r in among(self._at(), query, identifiers.c.lead_id, leads)]
        self._load(self._resolver, set(keys))
        return keys

    def know(self, sets: Iterable[Keys]) -> None:
        """Make sure that these keys are in memory."""
        self._load(self._resolver, {key for keys in sets for key in keys})

    def _at(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("no transaction has begun")
        return self._connection

    def _load(self, resolver: LinkGraph, keys: set[str]) -> None:
        missing = keys - self._loaded
        if not missing:
            return
        self._loaded |= missing
        wanted = {k for k in missing if k not in resolver.leads}
        query = select(links.c["key"], links.c.other)
        for row in among(self._at(), query, links.c["key"], sorted(missing)):
            resolver.links.setdefault(intern(row.key), set()).add(intern(row.other))
            if row.other not in resolver.leads:
                wanted.add(row.other)
        columns = select(identifiers.c["key"], identifiers.c.lead_id, identifiers.c.rule)
        for one in among(self._at(), columns, identifiers.c["key"], sorted(wanted)):
            key = intern(one.key)
            resolver.leads[key] = intern(one.lead_id)
            if one.rule:
                resolver.rules[key] = one.rule


Sides = dict[str, dict[int, int]]
"""Where each separated key stands: side by separation."""


def read_sides(connection: Connection) -> Sides:
    """The side of each separated key, by all decisions so far."""
    sides: Sides = {}
    for _, decided in read_decisions(connection):
        for key, stands in decided.items():
            sides.setdefault(key, {}).update(stands)
    return sides


def read_decisions(connection: Connection) -> list[tuple[int, Sides]]:
    """When each separation was decided and where it puts its keys, the newest first."""
    s = separations.c
    decisions: dict[int, tuple[int, Sides]] = {}
    query = select(s.separation, s["key"], s.side, s.decided_us)
    for row in connection.execute(query.order_by(s.separation.desc())):
        _, sides = decisions.setdefault(row.separation, (row.decided_us, {}))
        sides[row.key] = {row.separation: row.side}
    return list(decisions.values())


def erase(connection: Connection) -> None:
    """Remove every identifier and link: they are rebuilt from the log."""
    for table in (identifiers, links):
        connection.execute(delete(table))
