"""The JSON Schema (draft 2020-12) of an event's data: the one truth for its shape.

Only keywords that are enforced may stand in it: an event's data are a flat object of texts,
numbers, integers and truth values, each with bounds, lengths, a pattern or an enumeration.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec

from signals.contracts.contract import Contract, Field, FieldKind
from signals.contracts.patterns import compile_pattern

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Length = Annotated[int, msgspec.Meta(ge=0, le=1 << 20)]
Nullable = tuple[FieldKind, Literal["null"]]


class FieldSchema(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """The schema of one field. Null is allowed by the type `[kind, "null"]`."""

    type: FieldKind | Nullable
    enum: Annotated[tuple[str | None, ...], msgspec.Meta(min_length=1)] | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: Length | None = None
    max_length: Length | None = None
    pattern: str | None = None

    @property
    def kind(self) -> FieldKind:
        """Its type, null apart."""
        return self.type if isinstance(self.type, str) else self.type[0]

    @property
    def nullable(self) -> bool:
        """Whether it may be null."""
        return not isinstance(self.type, str)


class DataSchema(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """The schema of an event's data."""

    dialect: Literal["https://json-schema.org/draft/2020-12/schema"] = msgspec.field(name="$schema")
    type: Literal["object"]
    properties: dict[str, FieldSchema] = {}
    required: tuple[str, ...] = ()
    additional_properties: bool = True


def read_schema(document: object) -> DataSchema:
    """A schema from its document. Raises msgspec.ValidationError."""
    return msgspec.convert(document, DataSchema)


def read_field(name: str, schema: DataSchema) -> Field:
    """The shape of one field. Raises KeyError and ValueError for what would not be enforced."""
    spec = schema.properties[name]
    required, nullable = name in schema.required, spec.nullable
    if required and nullable:
        raise ValueError(f"{name} is required and may be null: choose one")
    if spec.enum and (None in spec.enum) != nullable:
        raise ValueError(f"{name}: null must be in both type and enum, or in neither")
    field = Field(
        name=name,
        kind=spec.kind,
        required=required,
        nullable=required or nullable,
        minimum=spec.minimum,
        maximum=spec.maximum,
        min_length=spec.min_length,
        max_length=spec.max_length,
        pattern=spec.pattern,
        enum=tuple(value for value in spec.enum or () if value is not None),
    )
    _check(field)
    return field


def _check(field: Field) -> None:
    texts = (field.min_length, field.max_length, field.pattern, field.enum or None)
    numbers = (field.minimum, field.maximum)
    if field.kind != "string" and any(v is not None for v in texts):
        raise ValueError(f"{field.name}: lengths, patterns and enumerations are for strings")
    if field.kind not in {"number", "integer"} and any(v is not None for v in numbers):
        raise ValueError(f"{field.name}: bounds are for numbers")
    for low, high in (numbers, (field.min_length, field.max_length)):
        if low is not None and high is not None and low > high:
            raise ValueError(f"{field.name}: no number lies between {low} and {high}")
    if field.pattern is not None:
        _check_pattern(field.name, field.pattern)
    if field.kind == "integer" and any(
        v is not None and not float(v).is_integer() for v in numbers
    ):
        raise ValueError(f"{field.name}: the bounds of an integer are integers")


def _check_pattern(name: str, pattern: str) -> None:
    try:
        compile_pattern(pattern)
    except ValueError as bad:
        raise ValueError(f"{name}: the pattern is {bad}") from bad


def write_schema(contract: Contract) -> dict[str, Any]:
    """The JSON Schema of a contract's data."""
    document: dict[str, Any] = {
        "$schema": DIALECT,
        "type": "object",
        "properties": {f.name: _field_document(f) for f in contract.fields},
    }
    if required := [f.name for f in contract.fields if f.required]:
        document["required"] = required
    if not contract.extra:
        document["additionalProperties"] = False
    return document


def _field_document(field: Field) -> dict[str, Any]:
    null = field.nullable and not field.required
    options: Iterable[tuple[str, Any]] = (
        ("enum", [*field.enum, *([None] if null else [])] if field.enum else None),
        ("minimum", _plain(field.minimum)),
        ("maximum", _plain(field.maximum)),
        ("minLength", field.min_length),
        ("maxLength", field.max_length),
        ("pattern", field.pattern),
    )
    kind = [field.kind, "null"] if null else field.kind
    return {"type": kind, **{name: value for name, value in options if value is not None}}


def _plain(bound: float | None) -> float | None:
    return int(bound) if bound is not None and float(bound).is_integer() else bound
