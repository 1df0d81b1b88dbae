"""What served when: the ledger read as stretches of time in which nothing changed. Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from domain.versions.manifest import VersionKind
from registry.ledger_entry import LedgerEntry
from registry.registry_state import follow
from registry.rollout_state import Rollout

Served = tuple[str | None, str | None, Rollout | None]


class ServingPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """Who served from one moment up to another, in microseconds; `until_us` None: to this day."""

    since_us: int
    until_us: int | None
    champion: str | None
    challenger: str | None
    rollout: Rollout | None

    def meets(self, first_us: int, last_us: int) -> bool:
        """Whether any of it lies within a window, both ends included."""
        return self.since_us <= last_us and (self.until_us is None or self.until_us > first_us)


def stretches(entries: Sequence[LedgerEntry], kind: VersionKind = "model") -> list[ServingPeriod]:
    """All stretches since a version of a kind first took a stage, oldest first.

    Entries of one moment are one change: what held for no time is left out.
    """
    periods = list(_changes(entries, kind))
    ends = [*(since for since, _ in periods), None][1:]
    return [
        ServingPeriod(
            since_us=since,
            until_us=until,
            champion=champion,
            challenger=challenger,
            rollout=rollout,
        )
        for (since, (champion, challenger, rollout)), until in zip(periods, ends, strict=True)
        if since != until
    ]


def _changes(entries: Sequence[LedgerEntry], kind: VersionKind) -> Iterator[tuple[int, Served]]:
    before: Served = (None, None, None)
    for entry, standing in follow(entries, kind):
        now = (standing.champion, standing.challenger, standing.rollout)
        if now != before:
            yield entry.at_us, now
            before = now
