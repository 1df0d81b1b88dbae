"""Older data read as newer: what the steps between two versions do, and what they result in."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec

from signals.contracts.contract import CLASSIFICATIONS, Contract, Field
from signals.contracts.field_compatibility import Breach, narrowings
from signals.contracts.upcast_steps import (
    AsText,
    Clamp,
    Default,
    Drop,
    EventData,
    MapValues,
    Rename,
    Round,
    Scale,
    UpcastStep,
    changed_number,
    names_of,
    run,
)

Upcast = Callable[[EventData], EventData]


def upcaster(older: Contract, newer: Contract) -> Upcast:
    """What makes data of a version into data of the next. It does not change what it is given."""
    steps, declared, extra = newer.upcast, newer.declared, newer.extra
    strangers = (declared | {name for s in steps for name in names_of(s)}) - older.declared

    def upcast(data: EventData) -> EventData:
        kept_data = {name: value for name, value in data.items() if name not in strangers}
        for step in steps:
            run(step, kept_data)
        return kept_data if extra else {n: v for n, v in kept_data.items() if n in declared}

    return upcast


def chain(versions: Sequence[Contract]) -> dict[int, Upcast]:
    """By version, what makes its data into data of the last. Versions ascend."""
    upcasts: dict[int, Upcast] = {}
    ups = [upcaster(a, b) for a, b in pairwise(versions)]
    for at, contract in enumerate(versions[:-1]):
        upcasts[contract.version] = _after(ups[at:])
    return upcasts


def _after(ups: Sequence[Upcast]) -> Upcast:
    def upcast(data: EventData) -> EventData:
        for up in ups:
            data = up(data)
        return data

    return upcast


def foresee(older: Contract, newer: Contract) -> Iterator[Breach]:
    """Where data that keep the older contract may come out not keeping the newer one."""
    arrived, breaches = follow(older, newer.upcast)
    yield from breaches
    yield from _arrival(arrived, newer)


def follow(older: Contract, steps: Sequence[UpcastStep]) -> tuple[dict[str, Field], list[Breach]]:
    """What is known of the fields, by name, after steps; and the steps that cannot be taken."""
    course = _Course({f.name: f for f in older.fields})
    for step in steps:
        course.take(step)
    return course.fields, course.breaches


def _arrival(fields: dict[str, Field], newer: Contract) -> Iterator[Breach]:
    for field_ in newer.fields:
        before = fields.pop(field_.name, None)
        if before is not None:
            yield from narrowings(before, field_)
            if _level(field_) < _level(before):
                what = f"{before.classification} values come to stand in a field called "
                what += field_.classification
                yield Breach("classification-lowered", field_.name, what)
        elif field_.required:
            what = "required, and older data have none: add a default"
            yield Breach("upcast-required", field_.name, what)
    for name in fields:
        yield Breach("upcast-unsaid", name, "the newer version has no such field: drop or rename")


def _level(field_: Field) -> int:
    return CLASSIFICATIONS.index(field_.classification)


@dataclass(slots=True)
class _Course:
    """What is known of the fields after each step."""

    fields: dict[str, Field]
    breaches: list[Breach] = field(default_factory=list)

    def take(self, step: UpcastStep) -> None:
        name: str = getattr(step, step.__struct_fields__[0])
        field = self.fields.get(name)
        if isinstance(step, Default):
            self._default(step, field)
        elif field is None:
            self._refuse(name, "there is no such field at this step")
        elif isinstance(step, Drop):
            del self.fields[name]
        elif isinstance(step, Rename):
            self._rename(step, field)
        elif (changed := _after_step(step, field)) is None:
            self._refuse(name, f"a {field.kind} field cannot take this step")
        else:
            self.fields[name] = changed

    def _refuse(self, name: str, what: str) -> None:
        self.breaches.append(Breach("upcast-step", name, what))

    def _rename(self, step: Rename, field: Field) -> None:
        if step.to in self.fields:
            self._refuse(step.to, "there is such a field already: drop or rename it first")
            return
        del self.fields[step.rename]
        self.fields[step.to] = msgspec.structs.replace(field, name=step.to)

    def _default(self, step: Default, field: Field | None) -> None:
        constant = _constant(step)
        if field is None:
            self.fields[step.default] = constant
        elif not field.required:
            joined = _join(field, constant)
            if joined is None:
                self._refuse(step.default, f"the default is no {field.kind}")
            else:
                self.fields[step.default] = joined


def _constant(step: Default) -> Field:
    name, value = step.default, step.value
    if isinstance(value, str):
        return Field(
            name=name, kind="string", required=True, enum=(value,), classification="public"
        )
    if isinstance(value, bool):
        return Field(name=name, kind="boolean", required=True, classification="public")
    kind = "integer" if isinstance(value, int) else "number"
    return Field(
        name=name,
        kind="integer" if kind == "integer" else "number",
        required=True,
        minimum=value,
        maximum=value,
        classification="public",
    )


def _join(field: Field, constant: Field) -> Field | None:
    """A field that may be either; None where their kinds differ."""
    if constant.kind != field.kind and (constant.kind, field.kind) != ("integer", "number"):
        return None
    joined = msgspec.structs.replace(field, required=True)
    if field.kind == "string" and not field.enum:
        return joined if _fits(constant, field) else _free(joined)
    if field.kind == "string":
        return msgspec.structs.replace(joined, enum=(*field.enum, *constant.enum))
    return msgspec.structs.replace(
        joined,
        minimum=_widest(min, field.minimum, constant.minimum),
        maximum=_widest(max, field.maximum, constant.maximum),
    )


def _fits(constant: Field, field: Field) -> bool:
    return not any(narrowings(constant, msgspec.structs.replace(field, required=True)))


def _free(field: Field) -> Field:
    return msgspec.structs.replace(field, min_length=None, max_length=None, pattern=None)


def _widest(
    of: Callable[[float, float], float], one: float | None, other: float | None
) -> float | None:
    return None if one is None or other is None else of(one, other)


def _after_step(step: UpcastStep, field: Field) -> Field | None:
    """What is known of a field after a step; None where the step is not for its kind."""
    match step:
        case MapValues():
            return _after_values(step, field) if field.kind == "string" else None
        case AsText():
            return _after_text(field) if field.kind != "string" else None
        case Scale() | Round() | Clamp() if field.kind in {"number", "integer"}:
            with suppress(OverflowError):
                return _after_number(step, field)
    return None


def _after_values(step: MapValues, field: Field) -> Field:
    """Of a list, the images; of free text a list only where all others become one value."""
    other, rest = step.otherwise, [v for v in field.enum if v not in step.map]
    images = [step.map[v] for v in field.enum if v in step.map]
    if not field.enum:
        images = list(step.map.values())
    if other is msgspec.UNSET:
        images = images + rest if field.enum else []
    elif isinstance(other, str) and (rest or not field.enum):
        images.append(other)
    changed = msgspec.structs.replace(_free(field), enum=tuple(dict.fromkeys(images)))
    if other is None and (rest or not field.enum):
        changed = msgspec.structs.replace(changed, required=False, nullable=True)
    return changed


def _after_text(field: Field) -> Field:
    truth = ("true", "false") if field.kind == "boolean" else ()
    return msgspec.structs.replace(field, kind="string", minimum=None, maximum=None, enum=truth)


def _after_number(step: Scale | Round | Clamp, field: Field) -> Field | None:
    if field.kind == "integer" and isinstance(step, Clamp):
        ends = (step.minimum, step.maximum)
        if any(isinstance(end, float) for end in ends):
            return None
    low = None if field.minimum is None else changed_number(step, field.minimum)
    high = None if field.maximum is None else changed_number(step, field.maximum)
    kind = field.kind
    match step:
        case Scale(by=by):
            low, high = (low, high) if by >= 0 else (high, low)
            kind = "number" if isinstance(by, float) else kind
        case Round():
            kind = "integer"
        case Clamp(minimum=least, maximum=most):
            low = least if low is None else low
            high = most if high is None else high
    return msgspec.structs.replace(field, kind=kind, minimum=low, maximum=high)
