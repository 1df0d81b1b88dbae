"""Event contracts: what the data of each event type holds, one versioned file per type.

A file is an Open Data Contract Standard document (v3): one schema object, its properties with
logical type, whether required, classification (personal data is marked), bounds and description.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from domain.errors import BadConfiguration, BadSignal
from domain.signals import Signal

FieldKind = Literal["string", "number", "integer", "boolean"]
_TYPES: dict[str, Any] = {"string": str, "number": float, "integer": int, "boolean": bool}
PACKAGED = Path(__file__).parent / "contracts"


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of an event's data. `classification` is `personal` for personal data."""

    name: str
    kind: FieldKind
    required: bool = False
    classification: str = "internal"
    description: str = ""
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[str, ...] = ()
    retention_days: int | None = None


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """What one event type promises at one version."""

    name: str
    version: int = 1
    channel: str
    purpose: str = ""
    owner: str = ""
    fields: tuple[Field, ...] = ()


class ContractBook:
    """The contracts in force, compiled: `check` costs about a microsecond."""

    def __init__(self, contracts: Iterable[Contract]) -> None:
        self.contracts = {c.name: c for c in contracts}
        self._shapes = {name: _shape(c) for name, c in self.contracts.items()}

    def check(self, signal: Signal) -> None:
        """Raise BadSignal where a signal does not keep its type's contract."""
        contract = self.contracts.get(signal.type)
        if contract is None:
            raise BadSignal(f"no contract for type {signal.type}", rule="unknown-type")
        if signal.dataversion > contract.version:
            raise BadSignal(
                f"{signal.type} version {signal.dataversion} is newer than {contract.version}",
                rule="newer-version",
            )
        try:
            msgspec.convert(signal.data, self._shapes[signal.type])
        except msgspec.ValidationError as bad:
            raise BadSignal(f"{signal.type}: {blank(str(bad))}", rule="data-contract") from None


def blank(message: str) -> str:
    """A validation message without the offending value, which may be personal data.

    >>> blank("Invalid enum value 'someone@company.com' - at `$.kind`")
    'Invalid enum value - at `$.kind`'
    """
    return re.sub(r"(Invalid enum value) .*?( - at `[^`]*`)?$", r"\1\2", message, flags=re.DOTALL)


def _shape(contract: Contract) -> type[msgspec.Struct]:
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for f in contract.fields:
        kind = Literal[f.enum] if f.enum else _TYPES[f.kind]
        if f.minimum is not None or f.maximum is not None:
            low, high = (_bound(f.kind, b) for b in (f.minimum, f.maximum))
            kind = Annotated[kind, msgspec.Meta(ge=low, le=high)]
        fields.append((f.name, kind) if f.required else (f.name, kind | None, None))
    return msgspec.defstruct(f"Data_{contract.name}", fields, kw_only=True)


def _bound(kind: FieldKind, bound: float | None) -> float | None:
    return int(bound) if kind == "integer" and bound is not None else bound


def standard_contracts() -> dict[str, Contract]:
    """The contracts that come with the product, for the five standard sources."""
    return load_contracts(PACKAGED)


def load_contracts(folder: Path) -> dict[str, Contract]:
    """The newest version of each contract in a folder. A folder that is not there has none."""
    found: dict[str, Contract] = {}
    for path in sorted(folder.glob("*.yaml")):
        contract = read_contract(path)
        held = found.get(contract.name)
        if held is None or held.version < contract.version:
            found[contract.name] = contract
    return found


def read_contract(path: Path) -> Contract:
    """One contract file. Raises BadConfiguration naming the file and the place."""
    try:
        return _parse(yaml.load(path.read_text(), Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError) as bad:
        raise BadConfiguration(
            f"not an event contract: {type(bad).__name__} {bad}",
            rule="contract-file",
            where=path.name,
            todo="Compare it with a file of signals/contracts.",
        ) from bad


def write_contract(contract: Contract, folder: Path) -> Path:
    """Write a contract as its file; `read_contract` gives it back."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{contract.name}.v{contract.version}.yaml"
    path.write_text(yaml.safe_dump(_document(contract), sort_keys=False))
    return path


def _parse(document: Mapping[str, Any]) -> Contract:
    if document["kind"] != "DataContract":
        raise ValueError(f"kind is {document['kind']!r}, must be DataContract")
    schema = document["schema"][0]
    custom = _custom(schema)
    team = document.get("team") or [{}]
    return msgspec.convert(
        {
            "name": document["name"],
            "version": int(str(document["version"]).split(".")[0]),
            "channel": custom["channel"],
            "purpose": document.get("description", {}).get("purpose", ""),
            "owner": team[0].get("username", ""),
            "fields": [_parse_field(p) for p in schema.get("properties", [])],
        },
        Contract,
    )


def _parse_field(document: Mapping[str, Any]) -> dict[str, Any]:
    custom = _custom(document)
    options = document.get("logicalTypeOptions", {})
    return {
        "name": document["name"],
        "kind": document["logicalType"],
        "required": document.get("required", False),
        "classification": document.get("classification", "internal"),
        "description": document.get("description", ""),
        "minimum": options.get("minimum"),
        "maximum": options.get("maximum"),
        "enum": custom.get("enum", ()),
        "retention_days": custom.get("retention_days"),
    }


def _custom(document: Mapping[str, Any]) -> dict[str, Any]:
    return {c["property"]: c["value"] for c in document.get("customProperties", [])}


def _document(contract: Contract) -> dict[str, Any]:
    return {
        "apiVersion": "v3.0.2",
        "kind": "DataContract",
        "id": f"urn:leadscore:contract:{contract.name}",
        "name": contract.name,
        "version": f"{contract.version}.0.0",
        "status": "active",
        "description": {"purpose": contract.purpose},
        "team": [{"username": contract.owner, "role": "owner"}],
        "schema": [
            {
                "name": contract.name,
                "logicalType": "object",
                "physicalType": "event",
                "customProperties": [{"property": "channel", "value": contract.channel}],
                "properties": [_field_document(f) for f in contract.fields],
            }
        ],
    }


def _field_document(field: Field) -> dict[str, Any]:
    bounds = {"minimum": field.minimum, "maximum": field.maximum}
    custom = {"enum": list(field.enum) or None, "retention_days": field.retention_days}
    document: dict[str, Any] = {
        "name": field.name,
        "logicalType": field.kind,
        "required": field.required,
        "classification": field.classification,
        "description": field.description,
    }
    if options := {k: v for k, v in bounds.items() if v is not None}:
        document["logicalTypeOptions"] = options
    if held := [{"property": k, "value": v} for k, v in custom.items() if v is not None]:
        document["customProperties"] = held
    return document
