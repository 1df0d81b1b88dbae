"""The file of owners: `owners.yaml`, who works which queues, how many leads at once, and when."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from domain.clock import from_us
from domain.errors import BadConfiguration
from storage.config_numbers import FileVersion
from storage.typed_yaml import YamlFile

OwnerName = Annotated[str, msgspec.Meta(max_length=48, pattern=r"^[a-z][a-z0-9_.-]*$")]
Day = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
FILE = "owners.yaml"
MOST_OWNERS = 5_000
_TODO = "docs/workflow.md tells every key."


class Absence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days on which an owner gets no lead, `first` and `last` among them; UTC."""

    first: Day
    last: Day

    def __post_init__(self) -> None:
        """Refuse what is no date, and an end before the beginning."""
        if date.fromisoformat(self.first) > date.fromisoformat(self.last):
            raise ValueError(f"an absence ends on {self.last}, before it begins")


class OwnerSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who works leads: at most `capacity` at once, `weight` of the turns of a pool.

    `calendar` is one of the workflow's: its hours are those of the owner's service levels.
    """

    capacity: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 50
    weight: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 1.0
    calendar: OwnerName = "default"
    away: tuple[Absence, ...] = ()

    def here(self, now_us: int) -> bool:
        """Whether the owner takes leads on the day of that moment, UTC."""
        day = from_us(now_us).date().isoformat()
        return not any(away.first <= day <= away.last for away in self.away)


class PoolSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Owners who take turns at leads of the queues. `round_robin`: alike; `weighted`: by weight."""

    owners: tuple[OwnerName, ...]
    queues: tuple[str, ...] = ()
    turns: Literal["round_robin", "weighted"] = "round_robin"


class Roster(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `owners.yaml`.

    A lead goes to the pool that its decision names; where it names none that is here, to the pool
    of its queue; where no pool has that, to the one that `otherwise` names, "" for nobody.
    """

    version: FileVersion
    owners: dict[OwnerName, OwnerSpec] = {}
    pools: dict[OwnerName, PoolSpec] = {}
    otherwise: str = ""

    def pool(self, queue: str, owner_pool: str = "") -> str:
        """The name of the pool of a decision's queue and owner pool, "" for none."""
        if owner_pool in self.pools:
            return owner_pool
        return next((n for n, pool in self.pools.items() if queue in pool.queues), self.otherwise)


NOBODY = Roster(version=1)
"""The roster of a home that has no file of owners: leads wait until there is one."""


def read_roster(path: Path) -> Roster:
    """A roster by its file. Raises BadConfiguration, naming file, line and key."""
    file = YamlFile(path, "owners-file", todo=_TODO)
    roster = file.to(Roster)
    try:
        _check(roster)
    except BadConfiguration as bad:
        file.locate(bad)
        raise
    return roster


def _check(roster: Roster) -> None:
    if len(roster.owners) > MOST_OWNERS:
        raise _bad(f"{len(roster.owners):,} owners, at most {MOST_OWNERS:,} may be", "$.owners")
    if roster.otherwise and roster.otherwise not in roster.pools:
        raise _bad(f"there is no pool {roster.otherwise}", "$.otherwise")
    pool_of: dict[str, str] = {}
    for name, pool in roster.pools.items():
        for owner in pool.owners:
            if owner not in roster.owners:
                raise _bad(f"there is no owner {owner}", f"$.pools.{name}.owners")
        for queue in pool.queues:
            if queue in pool_of:
                what = f"queue {queue} is pool {pool_of[queue]}'s already"
                raise _bad(what, f"$.pools.{name}.queues")
            pool_of[queue] = name


def _bad(what: str, key: str) -> BadConfiguration:
    return BadConfiguration(what, rule="owners-file", key=key, todo=_TODO)
