"""The form of a mapping file: how the rows of a CRM export or an event table become signals.

This module only says what may stand where; `mapping_checks` says what must fit together. Unknown
keys are refused everywhere. Wherever a column is named, its name stands as in the file's header,
without blanks around it. Cells are compared without blanks around them: with a text as text, with
a number as numbers, with true and false by what they say. docs/mapping.md tells every key.
"""

from collections.abc import Container
from typing import Annotated, Literal

import msgspec

from domain.definition import FeatureDefinition, FeatureName, HalfLife
from domain.signals import Aware, Text, TypeName
from signals.files.file_format import FileFormat
from signals.mapping.words import Word, words
from storage.config_numbers import FileVersion, RetentionDays

CellKind = Literal["text", "number", "integer", "percent", "boolean"]
ValueKind = Literal["text", "number", "integer", "boolean"]
Scalar = str | int | float | bool
Classification = Literal["public", "internal", "personal"]


class TimeSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A moment: from a `column` or the `row`'s number, or `at` a constant; `plus` a duration.

    `format` is one of `timeformats.NAMED` or a strptime pattern; without it ISO 8601 is read. With
    `since` the text is a serial number: so many of its `unit` (seconds, where none is named) after
    it. `time_zone` is meant where the text has no offset: a local time that occurs twice is taken
    as the first, one that the clock skipped is moved on by the gap.
    """

    column: str | None = None
    row: Literal[True] | None = None
    at: Aware | None = None
    format: str | None = None
    since: Aware | None = None
    unit: Literal["seconds", "minutes", "hours", "days"] | None = None
    time_zone: str | None = None
    plus: str = "0s"


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test of one column. Of a missing value only `absent` holds; `not` turns a test round."""

    column: str
    equals: Word | None = None
    among: tuple[Word, ...] | None = msgspec.field(name="in", default=None)
    present: Literal[True] | None = None
    absent: Literal[True] | None = None
    starts_with: str | None = None
    sign: Literal["negative", "positive"] | None = None
    negate: bool = msgspec.field(name="not", default=False)


class FieldSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One field of an event's data: a `column`, a `constant`, or the `product` of two columns.

    A value that is missing or cannot be read leaves the field out, or refuses the row where it is
    `required`. `kind: percent` makes the number 0.45 of the text 45 %. `attribute`
    says whether the lead keeps it as a property. The rest goes into the event's contract.
    """

    column: str | None = None
    constant: Scalar | None = None
    product: tuple[str, str] | None = None
    kind: CellKind | None = None
    required: bool = False
    attribute: bool = True
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[str, ...] = ()
    classification: Classification = "internal"
    description: str = ""
    retention_days: RetentionDays | None = None

    def __post_init__(self) -> None:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum is {self.minimum:g} and maximum {self.maximum:g}")

    @property
    def of_kind(self) -> ValueKind:
        """The value's kind, stated or as it follows: a product is a number, a column is text."""
        if self.kind == "percent":
            return "number"
        if self.kind is not None:
            return self.kind
        if self.product is not None or isinstance(self.constant, float):
            return "number"
        if isinstance(self.constant, bool):
            return "boolean"
        return "integer" if isinstance(self.constant, int) else "text"


class RegionSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The column that says in which country a telephone is: a code of ISO 3166, or a name."""

    column: str


class IdentifierSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The columns of an identifier. `kind: integer` reads 17850.0 as 17850.

    `region`, of a `phone` alone, says where a national number belongs: a code of ISO 3166 such as
    US, or a column. Such a number becomes an international one.

    `row` is for a table without a key: the file's name and the row's number identify a lead.
    """

    column: str | tuple[str, ...] | None = None
    row: Literal[True] | None = None
    kind: Literal["text", "integer"] = "text"
    region: str | RegionSpec | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns, none where it is the row's number."""
        return (self.column,) if isinstance(self.column, str) else self.column or ()


class TypeSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event type that a row chooses, out of those that are declared in `types`.

    With `column`, `types` is a table from the column's value to the type. With `pattern`, such as
    `bpi.{activity}`, each column in braces is put in as lower-case letters, digits and
    underscores, and `types` lists what may come out. Of other rows the event is not made: they
    are quarantined as of an unknown type, or, with `others: skip`, left to the other events.
    """

    types: dict[Word, TypeName] | tuple[TypeName, ...]
    others: Literal["reject", "skip"] = "reject"
    column: str | None = None
    pattern: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The declared types, each once."""
        types = self.types.values() if isinstance(self.types, dict) else self.types
        return tuple(dict.fromkeys(types))


class EventSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event that a row stands for, where all conditions of `when` hold.

    `value` names the data field that the event's family sums. With `feature: false` the event is
    kept in the log but is neither family nor attribute. `id` names the columns that tell two such
    events apart; `name` tells apart two events of one type that the same row may become.
    """

    type: TypeName | TypeSpec
    when: tuple[Condition, ...] = ()
    time: str | TimeSpec | None = None
    data: dict[FeatureName, str | FieldSpec] = {}
    id: tuple[str, ...] = ()
    name: FeatureName | None = None
    channel: FeatureName | None = None
    value: FeatureName | None = None
    feature: bool = True

    @property
    def types(self) -> tuple[str, ...]:
        """The types it may have."""
        return (self.type,) if isinstance(self.type, str) else self.type.names

    @property
    def fields(self) -> dict[str, FieldSpec]:
        """Its data fields, the short form written out."""
        return {
            name: FieldSpec(column=spec) if isinstance(spec, str) else spec
            for name, spec in self.data.items()
        }


class RefuseRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows for which all conditions hold are quarantined under this rule."""

    rule: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]*$")]
    when: Annotated[tuple[Condition, ...], msgspec.Meta(min_length=1)]


class TableSpec(FileFormat, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of file. `files` are patterns of its name; none means every file.

    `columns` names the columns of a file without a header line. `delimiter` is one character,
    `tab`, or `blanks` for runs of blanks and tabs; without it, what a first line such as `sep=;`
    says, and else a comma. `skip_lines` leaves out so many lines before the header, such as titles.
    `sheet` is the name of a workbook's sheet; it is needed where there are several.

    `ignore` are conditions of rows that are left out on purpose: one that holds is enough. A row
    that is neither ignored nor refused and becomes no event is quarantined. `id` is the default of
    its events; without it an event's id is made from the whole row (of Parquet, from the mapped
    columns: others are not read) and how often that row stood in the file before.

    `action_id` is the column of the id of the action of ours that a row's events answer or tell
    of. A row whose id cannot be one is quarantined: without it, what we caused would count as
    interest.

    `decimal` is the decimal sign of numbers: a point where it is not set. A comma that may be
    either is then refused, but in a file that commas delimit: programs whose decimals have commas
    delimit by something else.
    """

    files: tuple[str, ...] = ()
    missing: tuple[Word, ...] = ()
    missing_in: dict[str, tuple[Word, ...]] = msgspec.field(default_factory=dict)
    time_zone: str | None = None
    identifiers: dict[str, str | tuple[str, ...] | IdentifierSpec]
    time: str | TimeSpec | None = None
    id: tuple[str, ...] = ()
    action_id: str | None = None
    refuse: tuple[RefuseRule, ...] = ()
    ignore: tuple[Condition, ...] = ()
    events: Annotated[tuple[EventSpec, ...], msgspec.Meta(min_length=1)]

    @property
    def by_row(self) -> bool:
        """Whether an identifier is made of the row's number; event ids are then too."""
        return any(isinstance(i, IdentifierSpec) and i.row for i in self.identifiers.values())

    @property
    def point(self) -> str:
        """The decimal sign; "" where it is neither set nor certain.

        Only a table of which the file's delimiter is known (`tables.as_written`) can be certain.
        """
        return self.decimal or ("." if self.delimiter == "," else "")

    def time_of(self, event: EventSpec) -> TimeSpec | None:
        """When an event of this table happened: its own time, or the table's."""
        spec = self.time if event.time is None else event.time
        return TimeSpec(column=spec) if isinstance(spec, str) else spec


class OutcomeSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The event types that tell an outcome; `closes`: a lead that has it is decided."""

    types: Annotated[tuple[TypeName, ...], msgspec.Meta(min_length=1)]
    closes: bool = True


class MappingFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole mapping. `texts` says event types and data fields in a salesperson's words."""

    name: FeatureName
    version: FileVersion = 1
    source: Text
    owner: str = ""
    channel: FeatureName | None = None
    time_zone: str | None = None
    missing: tuple[Word, ...] = ()
    tables: Annotated[tuple[TableSpec, ...], msgspec.Meta(min_length=1)]
    outcomes: dict[FeatureName, OutcomeSpec] = {}
    texts: dict[str, str] = {}
    half_lives_days: tuple[HalfLife, ...] | None = None
    accounts: bool | None = None
    features: FeatureDefinition | None = None

    def missing_in(self, table: TableSpec, column: str) -> Container[str]:
        """The texts that mean missing in a column; an empty cell always does."""
        missing = (*self.missing, *table.missing, *table.missing_in.get(column, ()))
        return words(missing, table.point)

    def channel_of(self, event: EventSpec, kind: str) -> str:
        """The event's channel, or the mapping's, or the first part of the event type."""
        return event.channel or self.channel or kind.partition(".")[0]
