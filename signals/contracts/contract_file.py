"""Contract files: Open Data Contract Standard documents (v3.1) with a JSON Schema inside.

What stands where, each thing once:

| what | where |
|---|---|
| event type, and its version | `name`, and the first number of `version` |
| owner, meaning, channel | `team`, `description.purpose`, `domain` |
| the shape of the data | `schema[0].customProperties`: `jsonSchema` |
| how data of the version before become data of this one | the same: `upcast`, a list of steps |
| meaning and classification of a field | `schema[0].properties` |
| retention of a field | `slaProperties`: `retention` of `data.FIELD`, in days |

The standard wants the name, type and presence of each field in `properties` too, for readers that
know no JSON Schema, and the type in the file's name finds the file: reading checks that they agree.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from domain.errors import BadConfiguration, BadMapping
from signals.contracts.contract import Contract, Field
from signals.contracts.json_schema import DataSchema, read_field, read_schema, write_schema
from signals.contracts.odcs import Custom, Document, Property, SchemaObject, ServiceLevel
from signals.contracts.upcast_steps import read_step, write_step
from signals.contracts.yaml_dump import FlowMapping, dump_yaml
from storage.typed_yaml import located
from storage.yaml_files import parse_yaml, read_text

OBJECT: Literal["data"] = "data"
ID = "urn:leadscore:contract:"


def read_contract(path: Path) -> Contract:
    """One contract file. Raises BadConfiguration naming the file and the place."""
    text = read_text(path, rule="contract-file")
    return parse_contract(text, path.name)


def parse_contract(text: str, file_name: str) -> Contract:
    """A contract from the text of its file. Raises BadConfiguration naming file and place."""
    try:
        return _contract(
            msgspec.convert(parse_yaml(text, file_name, BadMapping), Document), file_name
        )
    except BadMapping as bad:
        raise _refused(bad.what, bad.where, bad.todo) from bad
    except (ValueError, KeyError) as bad:
        what = f"no field {bad} in the JSON Schema" if isinstance(bad, KeyError) else str(bad)
        where = located(text, file_name, what)
        raise _refused(what, where, "docs/bring-your-own-events.md shows one.") from bad


def write_contract(contract: Contract, folder: Path) -> Path:
    """Write a contract as its file; `read_contract` gives it back."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / contract.file_name
    path.write_text(contract_text(contract), encoding="utf-8")
    return path


def contract_text(contract: Contract) -> str:
    """The text of a contract's file."""
    document = msgspec.json.decode(msgspec.json.encode(_document(contract)))
    schema, *steps = (c["value"] for c in document["schema"][0]["customProperties"])
    schema["properties"] = {n: FlowMapping(p) for n, p in schema["properties"].items()}
    for mappings in (*steps, document.get("slaProperties", [])):
        mappings[:] = map(FlowMapping, mappings)
    return dump_yaml(document)


def _refused(what: str, where: str, todo: str) -> BadConfiguration:
    return BadConfiguration(
        f"not an event contract: {what}", rule="contract-file", where=where, todo=todo
    )


def _contract(document: Document, file_name: str) -> Contract:
    if len(document.schema) != 1:
        raise ValueError(f"{len(document.schema)} schema objects, must be 1, named {OBJECT}")
    data = document.schema[0]
    schema = read_schema(data.custom("jsonSchema"))
    if not document.id.endswith(document.name):
        raise ValueError(f"the id {document.id!r} does not end with the name {document.name!r}")
    contract = Contract(
        name=document.name,
        version=document.major,
        channel=document.domain,
        purpose=document.description.get("purpose") or "",
        owner=document.owner,
        fields=tuple(_fields(data, schema, document.retention(OBJECT))),
        extra=schema.additional_properties,
        upcast=tuple(read_step(step) for step in data.custom("upcast") or ()),
    )
    if contract.file_name != file_name:
        raise ValueError(f"a file of this content is called {contract.file_name}")
    return contract


def _fields(data: SchemaObject, schema: DataSchema, retention: dict[str, int]) -> Iterator[Field]:
    names = {p.name for p in data.properties}
    for name in sorted(
        (schema.properties.keys() | set(schema.required) | retention.keys()) ^ names
    ):
        raise ValueError(f"{name} must be in both properties and JSON Schema")
    for told_of in data.properties:
        field = read_field(told_of.name, schema)
        _agree(told_of, field)
        yield msgspec.structs.replace(
            field,
            description=told_of.description,
            classification=told_of.classification,
            retention_days=retention.get(told_of.name),
        )


def _agree(stated: Property, field: Field) -> None:
    in_properties = {"logicalType": stated.logical_type, "required": stated.required}
    in_schema = {"logicalType": field.kind, "required": field.required}
    shape = write_schema(Contract(name="", channel="", fields=(field,)))["properties"][field.name]
    for key, value in in_properties.items():
        if value != in_schema[key]:
            raise ValueError(
                f"{stated.name}: {key} is {value}, the JSON Schema says {in_schema[key]}"
            )
    for key, value in stated.logical_type_options.items():
        if value != shape.get(key):
            raise ValueError(
                f"{stated.name}: {key} is {value}, in the JSON Schema {shape.get(key)}"
            )


def _document(contract: Contract) -> Document:
    customs = [Custom(property="jsonSchema", value=write_schema(contract))]
    if contract.upcast:
        steps = [write_step(step) for step in contract.upcast]
        customs.append(Custom(property="upcast", value=steps))
    data = SchemaObject(
        name=OBJECT,
        logical_type="object",
        custom_properties=tuple(customs),
        properties=tuple(_property(f) for f in contract.fields),
    )
    return Document(
        api_version="v3.1.0",
        kind="DataContract",
        id=ID + contract.name,
        name=contract.name,
        version=f"{contract.version}.0.0",
        status="active",
        domain=contract.channel,
        description={"purpose": contract.purpose},
        team={"name": contract.owner},
        schema=(data,),
        sla_properties=tuple(
            ServiceLevel(
                property="retention", value=f.retention_days, unit="d", element=f"{OBJECT}.{f.name}"
            )
            for f in contract.fields
            if f.retention_days is not None
        ),
    )


def _property(field: Field) -> Property:
    return Property(
        name=field.name,
        logical_type=field.kind,
        required=field.required,
        classification=field.classification,
        description=field.description,
    )
