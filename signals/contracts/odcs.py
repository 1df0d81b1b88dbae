"""The parts of the Open Data Contract Standard (v3.1) that a contract file may hold.

Field names are the standard's; unknown ones are refused, so that a slip of the pen is heard of.
What the product does not read may stand there for other tools' sake, and is lost on writing.
"""

from typing import Any, Literal

import msgspec

from domain.signals import TypeName
from signals.contracts.contract import Classification, FieldKind

Anything = Any
"""What the product does not read."""


class _Part(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """Standard keys that any part may have."""

    tags: Anything = None
    authoritative_definitions: Anything = None


class Custom(_Part, frozen=True, kw_only=True):
    """A property beyond the standard."""

    property: str
    value: Any
    id: str | None = None
    description: str | None = None


class Property(_Part, frozen=True, kw_only=True):
    """One field: its meaning and its classification. Its type repeats the JSON Schema's."""

    name: str
    logical_type: FieldKind
    required: bool
    classification: Classification
    description: str
    logical_type_options: dict[str, Any] = {}
    id: str | None = None
    business_name: str | None = None
    physical_name: str | None = None
    physical_type: str | None = None
    examples: Anything = None
    unique: bool | None = None
    primary_key: bool | None = None
    critical_data_element: bool | None = None
    encrypted_name: str | None = None
    quality: Anything = None
    relationships: Anything = None
    custom_properties: tuple[Custom, ...] = ()


class SchemaObject(_Part, frozen=True, kw_only=True):
    """The event's data."""

    name: Literal["data"]
    logical_type: Literal["object"]
    custom_properties: tuple[Custom, ...]
    properties: tuple[Property, ...] = ()
    id: str | None = None
    description: str | None = None
    business_name: str | None = None
    physical_name: str | None = None
    physical_type: str | None = None
    data_granularity_description: str | None = None
    quality: Anything = None
    relationships: Anything = None

    def custom(self, name: str) -> Any:
        """The value of a custom property; None where there is none."""
        return next((c.value for c in self.custom_properties if c.property == name), None)


class ServiceLevel(_Part, frozen=True, kw_only=True):
    """A service level; `retention` of an element in days is the one that is read."""

    property: str
    value: Any
    unit: str | None = None
    element: str | None = None
    id: str | None = None
    value_ext: Anything = None
    driver: str | None = None
    description: str | None = None
    scheduler: str | None = None
    schedule: str | None = None
    custom_properties: tuple[Custom, ...] = ()


class Document(_Part, frozen=True, kw_only=True):
    """A data contract. `version` is a semantic one; its first number is the event's version."""

    api_version: Literal["v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0"]
    kind: Literal["DataContract"]
    id: str
    name: TypeName
    version: str
    status: str
    domain: str
    description: dict[str, Any] = {}
    team: dict[str, Any] | tuple[dict[str, Any], ...] = {}
    schema: tuple[SchemaObject, ...]
    sla_properties: tuple[ServiceLevel, ...] = ()
    sla_default_element: str | None = None
    tenant: str | None = None
    data_product: str | None = None
    contract_created_ts: str | None = None
    context: Anything = None
    servers: Anything = None
    support: Anything = None
    price: Anything = None
    roles: Anything = None
    custom_properties: tuple[Custom, ...] = ()

    @property
    def major(self) -> int:
        """The event's version. Raises ValueError."""
        first = self.version.split(".")[0].removeprefix("v")
        if not first.isdecimal() or int(first) < 1:
            raise ValueError(f"version is {self.version!r}, must be such as 1.0.0")
        return int(first)

    @property
    def owner(self) -> str:
        """The team that answers for it: its name, or (before v3.1) its first member."""
        if isinstance(self.team, dict):
            return str(self.team.get("name") or "")
        return str(self.team[0].get("username") or "") if self.team else ""

    def retention(self, of: str) -> dict[str, int]:
        """Days of retention by field of an object. Raises ValueError."""
        days: dict[str, int] = {}
        for sla in self.sla_properties:
            if sla.property != "retention":
                continue
            if sla.unit not in {"d", "day", "days"} or type(sla.value) is not int or sla.value < 1:
                raise ValueError(f"retention of {sla.element} must be whole days, unit d")
            for element in (sla.element or "").split(","):
                name = element.strip().removeprefix(f"{of}.")
                if name in days:
                    raise ValueError(f"retention of {name} is given twice")
                days[name] = sla.value
        return days
