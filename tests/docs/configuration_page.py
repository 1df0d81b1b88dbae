"""The tables of docs/configuration.md, made of the types that the files are read by.

Which files there are, keys, types, bounds and defaults are the code's; what a key means stands on
the page and is kept. To bring the page up to date after a type has changed:

    python -m tests.docs.configuration_page
"""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from config.settings import NOT_IN_FILE, Settings
from jobs.config_schemas import CONFIG_FILES
from tests.conftest import ROOT
from tests.docs.mapping_page import default_of, meanings

PAGE = ROOT / "docs" / "configuration.md"
ELSEWHERE = {
    "mapping": "mapping.md",
    "contract": "bring-your-own-events.md",
    "workflow": "workflow.md",
    "owners": "workflow.md",
}
"""Files whose keys another page tells."""
_SECTION = re.compile(r"<!-- keys: (\w+) -->\n\n(.*?)\n\n", re.DOTALL)
_FILES = re.compile(r"<!-- files -->\n\n(.*?)\n\n", re.DOTALL)
_NAMES = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
_NAMES |= {"datetime": "moment", "Path": "text"}
FAR = 1_000_000
"""Bounds from here on only keep arithmetic safe: no reader needs them."""
_BOUNDS = {"ge": " from {}", "gt": " above {}", "le": " to {}", "lt": " and below {}"}


def heading(struct: type) -> str:
    """The heading of a struct's table: its name in words.

    >>> heading(TriggerLimits)
    'Trigger limits'
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", struct.__name__)
    return words.capitalize()


def structs_in(kind: Any) -> list[type]:
    """The structs that a type is made of, each once, outer ones first."""
    found: dict[type, None] = {}
    waiting = [kind]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each not in found:
            found[each] = None
            hints = get_type_hints(each, include_extras=True)
            waiting += [hints[f.name] for f in msgspec.structs.fields(each)]
        elif not isinstance(each, type) or get_args(each):
            waiting += get_args(each)
    return list(found)


def all_structs() -> list[type]:
    """All structs that the page has a table of, each once."""
    told = [c.kind for c in CONFIG_FILES if c.name not in ELSEWHERE]
    return list(dict.fromkeys(s for kind in told for s in structs_in(kind)))


def words_of(kind: Any) -> str:
    """A type in a reader's words.

    >>> words_of(Annotated[float, msgspec.Meta(ge=0, lt=1)])
    'number from 0 and below 1'
    """
    if get_args(kind):
        return _compound(get_origin(kind), get_args(kind))
    if issubclass(kind, msgspec.Struct):
        return f"[{heading(kind).lower()}](#{heading(kind).lower().replace(' ', '-')})"
    if issubclass(kind, StrEnum):
        return " or ".join(f"`{value}`" for value in kind)
    return _NAMES[kind.__name__]


def _compound(origin: Any, args: tuple[Any, ...]) -> str:
    if origin is Annotated:
        return words_of(args[0]) + "".join(map(_bounds, args[1:]))
    if origin is Literal:
        return " or ".join('`""`' if a == "" else f"`{a}`" for a in args)
    if origin is tuple:
        return f"list of {words_of(args[0])}"
    if origin is dict:
        return f"map of {words_of(args[0])} to {words_of(args[1])}"
    words = [words_of(a) for a in args if a is not type(None)]
    return " or ".join(dict.fromkeys(words))


def _bounds(meta: msgspec.Meta) -> str:
    bounds = [(text, getattr(meta, name)) for name, text in _BOUNDS.items()]
    return "".join(
        text.format(f"{bound:.6g}")
        for text, bound in bounds
        if bound is not None and abs(bound) < FAR
    )


def keys_of(struct: type) -> list[tuple[str, str, str]]:
    """Each key of a struct with its type and default; of tagged ones, the tag first."""
    hints = get_type_hints(struct, include_extras=True)
    config = struct.__struct_config__  # type: ignore[attr-defined]
    tag = [(config.tag_field, f"`{config.tag}`", "needed")] if config.tag else []
    fields = [
        (f.encode_name, words_of(hints[f.name]), _default(f))
        for f in msgspec.structs.fields(struct)
        if struct is not Settings or f.name not in NOT_IN_FILE
    ]
    return tag + fields


def _default(field: Any) -> str:
    if isinstance(field.default, msgspec.Struct):
        return "its defaults" if field.default == type(field.default)() else default_of(field)
    return default_of(field)


def table_of(struct: type, held: dict[str, str]) -> str:
    """The table of a struct's keys; `held` says what each means."""
    rows = [
        f"| `{key}` | {kind} | {default} | {held.get(key, 'TO DO')} |".replace("  ", " ")
        for key, kind, default in keys_of(struct)
    ]
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows])


def table_of_files() -> str:
    """The table of the files."""
    rows = [f"| `{c.name}` | `{c.file}` | {c.where} | {c.purpose} |" for c in CONFIG_FILES]
    head = ["| name | file | where it is looked for | what it says |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def filled(page: str) -> str:
    """The page with its tables made anew."""
    linked = {struct.__name__: struct for struct in all_structs()}

    def fill(found: re.Match[str]) -> str:
        made = table_of(linked[found[1]], meanings(found[2]))
        return f"<!-- keys: {found[1]} -->\n\n{made}\n\n"

    page = _FILES.sub(lambda _: f"<!-- files -->\n\n{table_of_files()}\n\n", page)
    return _SECTION.sub(fill, page)


def sections(page: str) -> list[str]:
    """The structs that the page has tables of."""
    return [found[1] for found in _SECTION.finditer(page)]


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
