"""The tables of docs/mapping.md, made of the types that a mapping is read by.

Keys, types and defaults are the types'; what a key means stands on the page and is kept. To bring
the page up to date after a type has changed:

    python -m tests.docs.mapping_page
"""

import re
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from domain.definition import FeatureName
from domain.signals import Aware, Text, TypeName
from signals.mapping import spec as form
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "mapping.md"
STRUCTS = (
    form.MappingFile,
    form.TableSpec,
    form.IdentifierSpec,
    form.RegionSpec,
    form.TimeSpec,
    form.EventSpec,
    form.TypeSpec,
    form.FieldSpec,
    form.Condition,
    form.RefuseRule,
    form.OutcomeSpec,
)
LINKED = {struct.__name__: struct for struct in STRUCTS}
TITLES = {
    "MappingFile": "the file",
    "TableSpec": "table",
    "IdentifierSpec": "identifier",
    "RegionSpec": "region",
    "TimeSpec": "time",
    "EventSpec": "event",
    "TypeSpec": "type",
    "FieldSpec": "field",
    "Condition": "condition",
    "RefuseRule": "refusal",
    "OutcomeSpec": "outcome",
    "FeatureDefinition": "[features](features.md)",
}
_SECTION = re.compile(r"<!-- keys: (\w+) -->\n\n(.*?)\n\n", re.DOTALL)
_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_SPECIAL = {Aware: "moment", Text: "text", TypeName: "event type", FeatureName: "name"}


def words_of(kind: Any) -> str:
    """A type in a reader's words.

    >>> words_of(tuple[str, ...] | None)
    'list of text'
    """
    special = next((name for one, name in _SPECIAL.items() if kind == one), "")
    args = get_args(kind)
    if special or not args:
        return special or _NAMES.get(kind) or TITLES[kind.__name__]
    return _compound(get_origin(kind), args)


def _compound(origin: Any, args: tuple[Any, ...]) -> str:
    if origin is Annotated:
        return words_of(args[0])
    if origin is Literal:
        return " or ".join(f"`{'true' if a is True else a}`" for a in args)
    if origin is tuple:
        return f"list of {words_of(args[0])}" if args[-1] is ... else "list of two columns"
    if origin is dict:
        return f"map of {words_of(args[0])} to {words_of(args[1])}"
    kinds = [a for a in args if a is not type(None)]
    every = {str, int, float, bool}
    return "word" if set(kinds) == every else " or ".join(dict.fromkeys(map(words_of, kinds)))


def default_of(field: Any) -> str:
    """A field's default as YAML, nothing where it is left out, "needed" where it has none."""
    if field.required:
        return "needed"
    made = field.default
    if made is msgspec.NODEFAULT:
        made = field.default_factory()
    nothing = made is None or made in ((), {}, "")
    return "" if nothing else f"`{msgspec.json.encode(made).decode()}`"


def keys_of(struct: type) -> list[tuple[str, str, str]]:
    """Each key of a struct with its type and default."""
    hints = get_type_hints(struct, include_extras=True)
    return [
        (f.encode_name, words_of(hints[f.name]), default_of(f))
        for f in msgspec.structs.fields(struct)
    ]


def meanings(table: str) -> dict[str, str]:
    """What the rows of a table say that each key means."""
    rows = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()[2:]]
    return {row[1].strip("`"): row[4] for row in rows}


def table_of(struct: type, held: dict[str, str]) -> str:
    """The table of a struct's keys; `held` says what each means."""
    rows = [
        f"| `{key}` | {kind} | {default} | {held.get(key, 'TO DO')} |".replace("  ", " ")
        for key, kind, default in keys_of(struct)
    ]
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows])


def filled(page: str) -> str:
    """The page with its tables made anew."""

    def fill(found: re.Match[str]) -> str:
        made = table_of(LINKED[found[1]], meanings(found[2]))
        return f"<!-- keys: {found[1]} -->\n\n{made}\n\n"

    return _SECTION.sub(fill, page)


def sections(page: str) -> list[str]:
    """The structs that the page has tables of."""
    return [found[1] for found in _SECTION.finditer(page)]


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
