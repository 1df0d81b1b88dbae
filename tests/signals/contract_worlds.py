"""Contracts, steps between their versions, and data that keep them: for property tests.

`allows` is a reading of JSON Schema of its own, straight from a file's document.
"""

import re
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from signals.contracts.contract import Contract, Field, FieldKind
from signals.contracts.upcast_steps import (
    AsText,
    Clamp,
    Default,
    Drop,
    MapValues,
    Rename,
    Round,
    Scale,
    UpcastStep,
)
from signals.contracts.upcasting import follow

KINDS: tuple[FieldKind, ...] = get_args(FieldKind)
NAMES = ["a", "b", "c", "d"]
WORDS = ["x", "y", "zz", "true"]
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


def allows(schema: dict[str, Any], data: dict[str, Any]) -> bool:
    """Whether a JSON Schema of the kind that contracts hold allows data."""
    named = schema["properties"]
    return (
        all(name in data for name in schema.get("required", ()))
        and (schema.get("additionalProperties", True) or data.keys() <= named.keys())
        and all(_allowed(named[name], value) for name, value in data.items() if name in named)
    )


def _allowed(field: dict[str, Any], value: Any) -> bool:
    kinds = [field["type"]] if isinstance(field["type"], str) else field["type"]
    if not any(_is(kind, value) for kind in kinds):
        return False
    if "enum" in field and value not in field["enum"]:
        return False
    if isinstance(value, str):
        return (
            field.get("minLength", 0) <= len(value) <= field.get("maxLength", len(value))
            and re.search(field.get("pattern", ""), value) is not None
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bool(field.get("minimum", value) <= value <= field.get("maximum", value))
    return True


def _is(kind: str, value: object) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


@st.composite
def fields(draw: st.DrawFn, name: str) -> Field:
    kind = draw(st.sampled_from(KINDS))
    required = draw(st.booleans())
    more: dict[str, Any] = {}
    if kind in {"number", "integer"} and draw(st.booleans()):
        low = draw(st.integers(-50, 50))
        more = {"minimum": float(low), "maximum": float(low + draw(st.integers(0, 50)))}
    elif kind == "string":
        shape = draw(st.sampled_from(["free", "list", "lengths", "pattern"]))
        if shape == "list":
            more = {"enum": tuple(draw(st.lists(st.sampled_from(WORDS), min_size=1, unique=True)))}
        elif shape == "lengths":
            more = {"min_length": 1, "max_length": draw(st.integers(1, 4))}
        elif shape == "pattern":
            more = {"pattern": "^[xyz]"}
    return Field(
        name=name,
        kind=kind,
        required=required,
        nullable=required or draw(st.booleans()),
        description="Made up",
        retention_days=30,
        **more,
    )


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return Contract(
        name="made.up",
        channel="made",
        purpose="Made up",
        owner="tests",
        fields=tuple(draw(fields(name)) for name in names),
        extra=draw(st.booleans()),
    )


def steps() -> st.SearchStrategy[UpcastStep]:
    name, number = st.sampled_from(NAMES), st.integers(-20, 20)
    held = st.dictionaries(st.sampled_from(WORDS), st.sampled_from(WORDS), max_size=3)
    other = st.sampled_from([msgspec.UNSET, None, "zz", "other"])
    value = st.sampled_from(WORDS) | number | number.map(lambda n: n / 4) | st.booleans()
    low = st.none() | st.integers(-20, 0)
    return st.one_of(
        st.builds(Rename, name, name),
        st.builds(Default, name, value),
        st.builds(Drop, name),
        st.builds(MapValues, name, held, other),
        st.builds(Scale, name, number | st.sampled_from([0.001, 0.5, -3.3])),
        st.builds(Round, name),
        st.builds(AsText, name),
        st.builds(Clamp, name, low, st.none() | st.integers(1, 20)),
    )


@st.composite
def next_version(draw: st.DrawFn, older: Contract) -> Contract:
    """A version that all data of the older one can be led to: its own steps say how."""
    taken: list[UpcastStep] = []
    for step in draw(st.lists(steps(), max_size=6)):
        if not follow(older, [*taken, step])[1]:
            taken.append(step)
    arrived, _ = follow(older, taken)
    # of a required field nobody asks whether it may be null: files hold no word of it
    came = [msgspec.structs.replace(f, nullable=f.required or f.nullable) for f in arrived.values()]
    new = sorted({*NAMES, f"v{older.version}"} - arrived.keys())
    added = [
        msgspec.structs.replace(draw(fields(name)), required=False)
        for name in draw(st.lists(st.sampled_from(new), unique=True, max_size=2))
    ]
    return msgspec.structs.replace(
        older,
        version=older.version + 1,
        fields=(*came, *added),
        extra=draw(st.booleans()),
        upcast=tuple(taken),
    )


@st.composite
def ladders(draw: st.DrawFn, most: int = 3) -> list[Contract]:
    held = [draw(contracts())]
    while len(held) < most:
        held.append(draw(next_version(held[-1])))
    return held


@st.composite
def data_of(draw: st.DrawFn, contract: Contract) -> dict[str, Any]:
    """Data that keep a contract, with fields that it does not name where it lets them through."""
    held: dict[str, Any] = {}
    for field in contract.fields:
        if field.required or draw(st.booleans()):
            null = st.none() if field.nullable and not field.required else st.nothing()
            held[field.name] = draw(values(field) | null)
    if contract.extra:
        others = sorted({*NAMES, "v1", "v2", "f"} - contract.declared)
        held |= draw(st.dictionaries(st.sampled_from(others), anything(), max_size=3))
    return held


def values(field: Field) -> st.SearchStrategy[Any]:
    if field.enum:
        return st.sampled_from(field.enum)
    if field.kind == "boolean":
        return st.booleans()
    if field.kind == "string":
        shape = f"{field.pattern}[xyz]*$" if field.pattern else "[a-z ]{0,6}"
        text = st.from_regex(re.compile(shape), fullmatch=not field.pattern)
        low, high = field.min_length or 0, field.max_length or 99
        return text.filter(lambda t: low <= len(t) <= high)
    return _numbers(field.kind, field.minimum, field.maximum)


def _numbers(kind: str, low: float | None, high: float | None) -> st.SearchStrategy[float]:
    if kind == "integer":
        return st.integers(
            None if low is None else int(low), None if high is None else int(high)
        ).filter(lambda n: abs(n) < 10**15)
    return st.floats(low, high, allow_nan=False, allow_infinity=False).filter(
        lambda x: abs(x) < 1e200
    )


def anything() -> st.SearchStrategy[Any]:
    return st.none() | st.booleans() | st.integers() | NUMBERS | st.sampled_from(WORDS)
