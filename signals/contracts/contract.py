"""The contract of one event type at one version, as the rest of the product sees it.

How it stands in a file is told in `signals.contracts.contract_file`, how its data are checked in
`signals.contracts.registry`, how older data become newer in `signals.contracts.upcasting`.
"""

from typing import Literal

import msgspec

from signals.contracts.upcast_steps import UpcastStep

FieldKind = Literal["string", "number", "integer", "boolean"]
Classification = Literal["public", "internal", "confidential", "personal", "sensitive"]
CLASSIFICATIONS: tuple[str, ...] = ("public", "internal", "confidential", "personal", "sensitive")
"""Least protected first: a field may move up, never down."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of an event's data.

    A `required` field is always there and never null. An optional one may be left out, and may be
    null where `nullable`; readers take null for left out. Bounds are inclusive, lengths count
    characters, `pattern` may match anywhere in the text. `classification` is `personal` for what
    says something of a person, `sensitive` for special categories. Days of retention count from
    when the event became known; None: nobody has said.
    """

    name: str
    kind: FieldKind
    required: bool = False
    nullable: bool = True
    classification: Classification = "internal"
    description: str = ""
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    retention_days: int | None = None

    @property
    def limits(self) -> str:
        """Its limits in words, empty where it has none.

        >>> Field(name="n", kind="number", minimum=0).limits
        'at least 0'
        """
        pairs = (
            ("one of", ", ".join(self.enum) or None),
            ("at least", None if self.minimum is None else f"{self.minimum:.12g}"),
            ("at most", None if self.maximum is None else f"{self.maximum:.12g}"),
            ("characters at least", self.min_length),
            ("characters at most", self.max_length),
            ("matching", self.pattern),
        )
        return ", ".join(f"{word} {value}" for word, value in pairs if value is not None)


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """What one event type promises at one version.

    `extra`: fields that are not named are let through unread. `upcast` makes the data of the
    version before into data of this one.
    """

    name: str
    version: int = 1
    channel: str
    purpose: str = ""
    owner: str = ""
    fields: tuple[Field, ...] = ()
    extra: bool = True
    upcast: tuple[UpcastStep, ...] = ()

    @property
    def declared(self) -> frozenset[str]:
        """The names of its fields."""
        return frozenset(f.name for f in self.fields)

    @property
    def file_name(self) -> str:
        """The name that its file must have."""
        return f"{self.name}.v{self.version}.yaml"
