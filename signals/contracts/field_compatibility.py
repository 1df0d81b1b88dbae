"""Whether every value that one field allows is allowed by another, and where not.

What cannot be decided, such as whether one pattern implies another, counts as not.
"""

from collections.abc import Iterator

import msgspec

from signals.contracts.contract import Field
from signals.contracts.patterns import compile_pattern


class Breach(msgspec.Struct, frozen=True):
    """A rule that a change breaks, at a field (empty: the whole contract), and how."""

    rule: str
    field: str
    what: str


def narrowings(wide: Field, narrow: Field) -> Iterator[Breach]:
    """Where a value that `wide` allows is refused by `narrow`. None: all are allowed."""
    name = narrow.name
    if wide.kind != narrow.kind and (wide.kind, narrow.kind) != ("integer", "number"):
        yield Breach("type-changed", name, f"it was {wide.kind}, it is {narrow.kind}")
        return
    if narrow.required and not wide.required:
        yield Breach("optional-made-required", name, "it could be left out, it no longer can")
    elif wide.nullable and not wide.required and not narrow.nullable:
        yield Breach("null-refused", name, "it could be null, it no longer can")
    yield from _of_text(wide, narrow)
    yield from _of_number(wide, narrow)


def _of_number(wide: Field, narrow: Field) -> Iterator[Breach]:
    for what, had, has, sign in (
        ("least value", wide.minimum, narrow.minimum, 1),
        ("greatest value", wide.maximum, narrow.maximum, -1),
    ):
        yield from _bound(narrow.name, what, had, has, sign)


def _of_text(wide: Field, narrow: Field) -> Iterator[Breach]:
    if wide.enum:
        if lost := [value for value in wide.enum if not _allows(narrow, value)]:
            yield Breach("enum-narrowed", narrow.name, f"it may no longer be {', '.join(lost)}")
        return
    if narrow.enum:
        yield Breach("enum-narrowed", narrow.name, "it could be any text, it is a list now")
    if narrow.pattern is not None and narrow.pattern != wide.pattern:
        yield Breach("pattern-changed", narrow.name, "texts that were allowed may not match")
    for what, had, has, sign in (
        ("least length", wide.min_length, narrow.min_length, 1),
        ("greatest length", wide.max_length, narrow.max_length, -1),
    ):
        yield from _bound(narrow.name, what, had, has, sign)


def _bound(
    name: str, what: str, had: float | None, has: float | None, sign: int
) -> Iterator[Breach]:
    """`sign` 1: a lower bound; -1: an upper one."""
    if has is not None and (had is None or sign * had < sign * has):
        before = "free" if had is None else f"{had:g}"
        yield Breach("bounds-narrowed", name, f"the {what} was {before}, it is {has:g}")


def _allows(field: Field, value: str) -> bool:
    return (
        (not field.enum or value in field.enum)
        and (field.min_length is None or len(value) >= field.min_length)
        and (field.max_length is None or len(value) <= field.max_length)
        and (field.pattern is None or compile_pattern(field.pattern)(value))
    )
