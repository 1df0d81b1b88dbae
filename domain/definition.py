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
    ["account", "activity", "breadth", "events", "outcome", "recency_d", "sequence", "tenure_d"]
)
"""Names that the features of every definition have already."""

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


class Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events that count as the same kind of behaviour.

    `types` are event types; `where` narrows them to those whose data fields have these values;
    `value` names a numeric data field to be summed; `text` is how a salesperson says it.
    """

    name: Name
    channel: Name
    types: tuple[str, ...]
    where: dict[str, str | bool | int] = {}
    value: str | None = None
    text: str = ""


class Attribute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A property of the lead: the last value written, by (time, event id)."""

    name: Name
    kind: Literal["number", "text"]
    types: tuple[str, ...]
    field: str
    text: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can become of a lead. `closes`: a lead that has it is decided, and scored no more."""

    name: Name
    types: tuple[str, ...]
    closes: bool = True


class FeatureDefinition(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True
):
    """One version of a feature service.

    `half_lives_days` ascend. `accounts` says whether account features are kept.
    """

    service: Name
    version: Annotated[int, msgspec.Meta(ge=1)]
    half_lives_days: tuple[float, ...] = (1.0, 7.0, 30.0)
    families: tuple[Family, ...]
    attributes: tuple[Attribute, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    accounts: bool = True

    def __post_init__(self) -> None:
        _distinct("family", [f.name for f in self.families])
        _distinct("attribute", [a.name for a in self.attributes])
        _distinct("outcome", [o.name for o in self.outcomes])
        named = [f.name for f in self.families] + [a.name for a in self.attributes]
        _distinct("family or attribute", named)
        if taken := sorted(RESERVED & set(named)):
            raise BadConfiguration(
                f"{taken[0]!r} is the name of a built-in feature or group",
                rule="name-reserved",
                todo="Give the family or attribute another name.",
            )
        lives = self.half_lives_days
        if not lives or min(lives) <= 0 or list(lives) != sorted(set(lives)):
            raise BadConfiguration(
                f"half_lives_days is {list(lives)}", rule="half-lives-positive-and-ascending"
            )

    @cached_property
    def numbers(self) -> tuple[Attribute, ...]:
        """The numeric attributes, in the order of their slots in the state."""
        return tuple(a for a in self.attributes if a.kind == "number")

    @cached_property
    def texts(self) -> tuple[Attribute, ...]:
        """The text attributes, in the order of their columns in the profile."""
        return tuple(a for a in self.attributes if a.kind == "text")

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """The channels, in the order of their first family."""
        return tuple(dict.fromkeys(f.channel for f in self.families))

    @cached_property
    def fingerprint(self) -> str:
        """A digest of all that it says; two definitions with the same one are the same."""
        return blake2b(msgspec.json.encode(self, order="sorted"), digest_size=8).hexdigest()

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @property
    def label(self) -> str:
        """Its name in Feast and in every record: service and version."""
        return f"{self.service}_v{self.version}"


def _distinct(what: str, names: list[str]) -> None:
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise BadConfiguration(f"{what} {twice[0]!r} is defined twice", rule="names-differ")


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
