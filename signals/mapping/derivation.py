"""What follows from a mapping: the contracts of its event types, and its feature definition.

The rule, where the mapping has no `features` section of its own:

- An event type of an outcome that closes is no feature: it ends the story that it would tell.
- Each other event type is a family of its channel, named by the type without its first part.
- Each data field of those types of kind text, number or integer is an attribute of its own name.
- `feature: false` keeps an event out of both, `attribute: false` a field out of the attributes.
- Account features are kept where an e-mail or an account id is mapped.
"""

from collections.abc import Iterable, Iterator

import msgspec

from domain.definition import Family, FeatureDefinition, Outcome, ProfileAttribute
from domain.errors import BadMapping
from domain.identifiers import ACCOUNT_KIND, IdentifierKind
from signals.contracts.contract import Contract, Field
from signals.mapping.spec import EventSpec, FieldSpec, MappingFile

_ATTRIBUTE_KINDS = {"text": "text", "number": "number", "integer": "number"}
_DEFAULT_HALF_LIVES = (1.0, 7.0, 30.0)


def events_of(file: MappingFile) -> dict[str, list[EventSpec]]:
    """Each event type with the events that may have it, in the order of the file."""
    events: dict[str, list[EventSpec]] = {}
    for table in file.tables:
        for event in table.events:
            for kind in event.types:
                events.setdefault(kind, []).append(event)
    return events


def derive_definition(file: MappingFile) -> FeatureDefinition:
    """What the rule gives. Raises BadMapping, BadConfiguration and msgspec.ValidationError."""
    closing = {t for o in file.outcomes.values() if o.closes for t in o.types}
    open_types = {t: e for t, e in events_of(file).items() if t not in closing}
    definition = FeatureDefinition(
        service=file.name,
        version=file.version,
        half_lives_days=file.half_lives_days or _DEFAULT_HALF_LIVES,
        families=tuple(_families(file, open_types)),
        attributes=tuple(_attributes(file, open_types)),
        outcomes=tuple(
            Outcome(name=name, types=o.types, closes=o.closes) for name, o in file.outcomes.items()
        ),
        accounts=_accounts(file) if file.accounts is None else file.accounts,
    )
    return msgspec.convert(msgspec.to_builtins(definition), FeatureDefinition)


def derive_contracts(file: MappingFile, standard: Iterable[str]) -> tuple[Contract, ...]:
    """A contract for each event type that has none yet. Raises BadMapping."""
    known = set(standard)
    return tuple(
        Contract(
            name=kind,
            version=file.version,
            channel=file.channel_of(events[0], kind),
            purpose=file.texts.get(kind, ""),
            owner=file.owner,
            fields=tuple(
                _field(name, [e.fields.get(name) for e in events], file) for name in _names(events)
            ),
        )
        for kind, events in events_of(file).items()
        if kind not in known
    )


def _families(file: MappingFile, types: dict[str, list[EventSpec]]) -> Iterator[Family]:
    short = [_short(kind) for kind in types]
    for kind, events in types.items():
        used = [event for event in events if event.feature]
        if used:
            twice = short.count(_short(kind)) > 1
            yield Family(
                name=kind.replace(".", "_") if twice else _short(kind),
                channel=file.channel_of(used[0], kind),
                types=(kind,),
                value=next((event.value for event in used if event.value), None),
                text=file.texts.get(kind, _short(kind).replace("_", " ")),
            )


def _attributes(file: MappingFile, types: dict[str, list[EventSpec]]) -> Iterator[ProfileAttribute]:
    attributes: dict[str, tuple[str, dict[str, None]]] = {}
    for event_type, events in types.items():
        for event in events:
            for name, spec in event.fields.items():
                kind = _ATTRIBUTE_KINDS.get(spec.of_kind)
                if kind and spec.attribute and event.feature:
                    its_kind, its_types = attributes.setdefault(name, (kind, {}))
                    _same_kind(name, its_kind, kind)
                    its_types[event_type] = None
    for name, (kind, its_types) in attributes.items():
        yield ProfileAttribute(
            name=name,
            kind="number" if kind == "number" else "text",
            types=tuple(its_types),
            field=name,
            text=file.texts.get(name, name.replace("_", " ")),
        )


def _names(events: list[EventSpec]) -> dict[str, None]:
    return {name: None for event in events for name in event.fields}


def _field(name: str, specs: list[FieldSpec | None], file: MappingFile) -> Field:
    stated = [spec for spec in specs if spec is not None]
    spec = stated[0]
    for other in stated:
        _same_kind(name, spec.of_kind, other.of_kind)
    return Field(
        name=name,
        kind="string" if spec.of_kind == "text" else spec.of_kind,
        required=all(s is not None and s.required for s in specs),
        classification=spec.classification,
        description=spec.description or file.texts.get(name, ""),
        minimum=spec.minimum,
        maximum=spec.maximum,
        enum=spec.enum,
        retention_days=spec.retention_days,
    )


def _same_kind(name: str, one: str, other: str) -> None:
    if one != other:
        raise BadMapping(
            f"the data field {name} is {one} in one event and {other} in another",
            rule="field-kind",
            todo="Give it one kind, or two names.",
        )


def _accounts(file: MappingFile) -> bool:
    return any({ACCOUNT_KIND, IdentifierKind.EMAIL} & t.identifiers.keys() for t in file.tables)


def _short(kind: str) -> str:
    return kind.partition(".")[2].replace(".", "_")
