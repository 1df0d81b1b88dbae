"""Which events feed which features: the versioned definition that every path shares.

A definition is data. The state's layout, the named features, the Feast views, the reasons' texts
and the label all come from it, so that adding a family or an attribute needs no code.
"""

from functools import cached_property
from hashlib import blake2b
from typing import Annotated, Literal

import msgspec

from domain.errors import BadConfiguration

RESERVED = frozenset(
    [
        "account",
        "active_days_28",
        "active_days_7",
        "activity",
        "breadth",
        "channels_30d",
        "events",
        "intensity",
        "last_event_1",
        "last_event_2",
        "last_gap_d",
        "last_transition",
        "mean_gap_d",
        "outcome",
        "recency_d",
        "sequence",
        "tenure_d",
    ]
)
"""Names that the features of every definition have already."""

_FEATURES = ("families", "attributes", "ratios", "backlogs", "transitions")
_REFERENCES = {
    "ratios": ("of", "over"),
    "backlogs": ("opened", "closed"),
    "transitions": ("begins", "ends"),
}
"""The fields that name a family, by list."""

LONGEST_DAYS = 36_500
"""No half-life is longer than a hundred years."""

HalfLife = Annotated[float, msgspec.Meta(gt=0, le=LONGEST_DAYS)]
FeatureName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


class Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events that count as the same kind of behaviour.

    `types` are event types; `where` narrows them to those whose data fields have these values;
    `value` names a numeric data field to be summed; `distinct` one whose different values are
    counted, such as the pages seen; `text` is how a salesperson says it. `of_actions`: it counts
    signals that our own actions caused, and no others; without it, none of them.
    """

    name: FeatureName
    channel: FeatureName
    types: tuple[str, ...]
    where: dict[str, str | bool | int] = {}
    value: str | None = None
    distinct: str | None = None
    text: str = ""
    of_actions: bool = False


class ProfileAttribute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A property of the lead: the last value written, by (time, event id)."""

    name: FeatureName
    kind: Literal["number", "text"]
    types: tuple[str, ...]
    field: str
    text: str = ""


class Ratio(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many events of one family there are for each of another: opens over e-mails sent.

    Both are decayed over `half_life_days`, one of the definition's, by default the longest; None
    of them is decayed where it is 0. `weight` events of the family `over`, at the rate `prior`,
    are added, so that one open of one e-mail is not yet all.
    """

    name: FeatureName
    of: str
    over: str
    half_life_days: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_DAYS)] | None = None
    prior: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 0.0
    weight: Annotated[float, msgspec.Meta(gt=0, le=1e9)] = 1.0
    text: str = ""


class Backlog(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many events of one family wait for one of another: tickets opened and not closed."""

    name: FeatureName
    opened: str
    closed: str
    text: str = ""


class Transition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step of the family `begins` with a later one of `ends`, among the last five events."""

    name: FeatureName
    begins: str
    ends: str
    text: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can become of a lead. `closes`: a lead that has it is decided, and scored no more."""

    name: FeatureName
    types: tuple[str, ...]
    closes: bool = True


class FeatureDefinition(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True
):
    """One version of a feature service.

    `half_lives_days` ascend. `accounts` says whether account features are kept. `ratios`,
    `backlogs` and `transitions` are read from the families' state: they cost none of their own.
    `our_actions` says what becomes of signals that carry the id of an action of ours (`actionid`):
    `apart`, they count in families with `of_actions` alone; `counted`, as all others. They write
    attributes and count as outcomes either way.
    """

    service: FeatureName
    version: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    half_lives_days: tuple[HalfLife, ...] = (1.0, 7.0, 30.0)
    families: tuple[Family, ...]
    attributes: tuple[ProfileAttribute, ...] = ()
    ratios: tuple[Ratio, ...] = ()
    backlogs: tuple[Backlog, ...] = ()
    transitions: tuple[Transition, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    accounts: bool = True
    our_actions: Literal["apart", "counted"] = "apart"

    def __post_init__(self) -> None:
        _refuse_repeated("outcome", self._names_in("outcomes"))
        features = self._names_in(*_FEATURES)
        _refuse_repeated("feature", features)
        for key, name in features.items():
            if name in RESERVED:
                raise BadConfiguration(
                    f"{name!r} is the name of a built-in feature or group",
                    rule="name-reserved",
                    key=key,
                    todo="Give the family, attribute or other feature another name.",
                )
        lives = self.half_lives_days
        if not lives or list(lives) != sorted(set(lives)):
            raise BadConfiguration(
                f"half_lives_days is {list(lives)}, must ascend",
                rule="half-lives-positive-and-ascending",
                key="$.half_lives_days",
            )
        self._check_families()
        self._check_half_lives()

    def _names_in(self, *lists: str) -> dict[str, str]:
        """The names in some of its lists, by their keys such as `$.families[0].name`."""
        return {
            f"$.{each}[{i}].name": part.name
            for each in lists
            for i, part in enumerate(getattr(self, each))
        }

    def _check_families(self) -> None:
        """Refuse a reference to a family that there is none of."""
        known = {f.name for f in self.families}
        for each, fields in _REFERENCES.items():
            for i, part in enumerate(getattr(self, each)):
                for field in fields:
                    if (family := getattr(part, field)) not in known:
                        raise BadConfiguration(
                            f"{part.name} refers to unknown family {family!r}",
                            rule="family-known",
                            key=f"$.{each}[{i}].{field}",
                            todo=f"The families are {', '.join(sorted(known))}.",
                        )

    def _check_half_lives(self) -> None:
        """Refuse a ratio over a half-life that the state does not keep."""
        for i, r in enumerate(self.ratios):
            if r.half_life_days and r.half_life_days not in self.half_lives_days:
                raise BadConfiguration(
                    f"{r.name}: half_life_days is {r.half_life_days:g}, must be one of "
                    f"{list(self.half_lives_days)}, or 0 for none",
                    rule="half-life-known",
                    key=f"$.ratios[{i}].half_life_days",
                )

    @cached_property
    def sets(self) -> tuple[Family, ...]:
        """The families that count distinct values, in the order of their cells in the state."""
        return tuple(f for f in self.families if f.distinct)

    @cached_property
    def numbers(self) -> tuple[ProfileAttribute, ...]:
        """The numeric attributes, in the order of their slots in the state."""
        return tuple(a for a in self.attributes if a.kind == "number")

    @cached_property
    def texts(self) -> tuple[ProfileAttribute, ...]:
        """The text attributes, in the order of their columns in the profile."""
        return tuple(a for a in self.attributes if a.kind == "text")

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """The channels, in the order of their first family."""
        return tuple(dict.fromkeys(f.channel for f in self.families))

    @cached_property
    def fingerprint(self) -> str:
        """A digest of all that it says; two definitions with the same one are the same."""
        document = msgspec.to_builtins(self)
        if document["our_actions"] == "apart":  # as before there was such a rule
            del document["our_actions"]
        for family in document["families"]:
            if not family["of_actions"]:
                del family["of_actions"]
        return blake2b(msgspec.json.encode(document, order="sorted"), digest_size=8).hexdigest()

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @property
    def label(self) -> str:
        """Its name in Feast and in every record: service and version."""
        return f"{self.service}_v{self.version}"


def _refuse_repeated(what: str, names: dict[str, str]) -> None:
    """Raise BadConfiguration for the second of two equal names; `names` are by key."""
    earlier: set[str] = set()
    for key, name in names.items():
        if name in earlier:
            raise BadConfiguration(
                f"{what} {name!r} is defined twice",
                rule="names-differ",
                key=key,
                todo="Rename one, or leave it out.",
            )
        earlier.add(name)


def parse_definition(document: object, where: str) -> FeatureDefinition:
    """A definition from a parsed YAML or JSON document; `where` names it in errors."""
    try:
        return msgspec.convert(document, FeatureDefinition)
    except msgspec.ValidationError as bad:
        raise BadConfiguration(
            str(bad),
            rule="feature-definition",
            where=where,
            todo="See docs/glossary.md for the fields of a definition.",
        ) from bad
