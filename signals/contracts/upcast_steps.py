"""The steps by which data of one version become data of the next: a small closed set, no code.

| step | does |
|---|---|
| `{rename: a, to: b}` | the field `a` is called `b` |
| `{default: a, value: x}` | where `a` is left out or null, it is `x` |
| `{drop: a}` | `a` is left out |
| `{values: a, map: {x: y}, otherwise: z}` | each text becomes its own; others `z`, or stay |
| `{scale: a, by: 0.001}` | the number is multiplied: another unit |
| `{round: a}` | the number becomes the nearest integer |
| `{text: a}` | the number or truth value becomes text |
| `{clamp: a, minimum: x, maximum: y}` | the number is kept within bounds |

A step that finds no value, or one that it is not for, leaves the data as they are.
"""

from math import isfinite
from typing import Any

import msgspec

from domain.errors import BadSignal

Scalar = str | bool | int | float
EventData = dict[str, Any]


class Rename(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The field is called `to`."""

    rename: str
    to: str


class Default(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the field is left out or null, it is `value`."""

    default: str
    value: Scalar


class Drop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The field is left out."""

    drop: str


class MapValues(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each text of `map` becomes its own; others become `otherwise`, or stay without it."""

    values: str
    map: dict[str, str]
    otherwise: str | msgspec.UnsetType | None = msgspec.UNSET


class Scale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number is multiplied; an integer by an integer stays one."""

    scale: str
    by: int | float


class Round(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number becomes the nearest integer."""

    round: str


class AsText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number or truth value becomes text, as JSON writes it."""

    text: str


class Clamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number is kept within bounds."""

    clamp: str
    minimum: int | float | None = None
    maximum: int | float | None = None

    def __post_init__(self) -> None:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum is {self.minimum} and maximum {self.maximum}")


UpcastStep = Rename | Default | Drop | MapValues | Scale | Round | AsText | Clamp
_KINDS: dict[str, type[UpcastStep]] = {
    kind.__struct_fields__[0]: kind
    for kind in (Rename, Default, Drop, MapValues, Scale, Round, AsText, Clamp)
}


def read_step(document: object) -> UpcastStep:
    """A step from its document. Raises ValueError and msgspec.ValidationError."""
    named = _KINDS.keys() & document.keys() if isinstance(document, dict) else set()
    if len(named) != 1:
        raise ValueError(f"a step is one of {', '.join(_KINDS)}")
    return msgspec.convert(document, _KINDS[named.pop()])


def write_step(step: UpcastStep) -> dict[str, Any]:
    """The document of a step; `read_step` gives it back."""
    return {
        name: value
        for name in step.__struct_fields__
        if (value := getattr(step, name)) is not msgspec.UNSET
        and not (value is None and isinstance(step, Clamp))
    }


def names_of(step: UpcastStep) -> tuple[str, ...]:
    """The fields that a step reads or writes."""
    names: tuple[str, ...] = (getattr(step, step.__struct_fields__[0]),)
    return (*names, step.to) if isinstance(step, Rename) else names


def run(step: UpcastStep, data: EventData) -> None:
    """Do a step to data, in place. Raises BadSignal where a number is beyond all bounds."""
    match step:
        case Rename(old, new):
            if old in data:
                data[new] = data.pop(old)
        case Default(name, value):
            if data.get(name) is None:
                data[name] = value
        case Drop(name):
            data.pop(name, None)
        case _:
            name = getattr(step, step.__struct_fields__[0])
            if data.get(name) is not None:
                data[name] = _changed(step, data[name])


def _changed(step: MapValues | Scale | Round | AsText | Clamp, value: Any) -> Any:
    if isinstance(step, MapValues):
        return _mapped(step, value) if isinstance(value, str) else value
    if isinstance(step, AsText):
        return as_text(value) if isinstance(value, bool | int | float) else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        if isfinite(changed := changed_number(step, value)):
            return changed
    except OverflowError:
        pass
    raise BadSignal("a number is too large to be upcast", rule="upcast")


def _mapped(step: MapValues, value: str) -> str | None:
    if value in step.map:
        return step.map[value]
    return value if step.otherwise is msgspec.UNSET else step.otherwise


def changed_number(step: Scale | Round | Clamp, value: float) -> float:
    """What a number becomes. Raises OverflowError."""
    match step:
        case Scale(by=by):
            return value * by
        case Round():
            return round(value)
        case Clamp(minimum=low, maximum=high):
            value = value if low is None else max(value, low)
            return value if high is None else min(value, high)


def as_text(value: float) -> str:
    """A value as JSON writes it.

    >>> as_text(True), as_text(3), as_text(0.5)
    ('true', '3', '0.5')
    """
    return msgspec.json.encode(value).decode()
