"""Columns of a Parquet file by name: those within structs have the names of both, joined by points.

A struct `contact` with a field `email` is the column `contact.email`, as a nested key of JSON is. A
column of the file's own that is called so comes first. Lists and maps are no columns: they have no
text of one meaning.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from domain.errors import BadMapping
from signals.files.json_rows import DEEPEST

Steps = tuple[str, ...]
"""The names from the file's column down to the field that is meant, as the file spells them."""

NO_TEXT = "a list, a map or another type without a text of one meaning"


def mapped_columns(file: Any, wanted: Sequence[str], path: Path) -> dict[str, Steps]:
    """The wanted columns that there are, by name without blanks, in file order.

    Raises BadMapping where one is there twice, or is a struct, a list or a map.
    """
    leaves = [file.schema.column(number) for number in range(len(file.schema))]
    own = [leaf.path.strip() for leaf in leaves if _is_own(leaf)]
    columns: dict[str, Steps] = {}
    for leaf in leaves:
        name = _name(leaf.path.split(".")) if not _is_own(leaf) else leaf.path.strip()
        if not _is_own(leaf):
            _refuse_group(name, wanted, path)
        if name not in wanted or (name in own and not _is_own(leaf)):
            continue
        if name in columns:
            raise BadMapping(
                f"column {name!r} is there twice",
                rule="absent-column",
                where=path.name,
                todo="Give each column its own name.",
            )
        if leaf.max_repetition_level:
            raise no_text(path, name, "a list or a map")
        columns[name] = (leaf.path,) if _is_own(leaf) else _steps(file.schema_arrow, leaf.path)
    return columns


def all_columns(file: Any, mapped: dict[str, Steps]) -> dict[str, Steps]:
    """The mapped columns, and all others that have a text and a name of their own, by name."""
    from signals.files.arrow_text import has_text

    leaves = [(_name(steps), steps, kind) for steps, kind in _leaves(file.schema_arrow)]
    counts = Counter(name for name, _, _ in leaves)
    return {
        name: mapped.get(name, steps)
        for name, steps, kind in leaves
        if name in mapped or (counts[name] == 1 and has_text(kind))
    }


def unread_columns(path: Path) -> dict[str, str]:
    """Columns that are none of `all_columns`, by name, each with why."""
    from pyarrow import parquet

    from signals.files.arrow_text import has_text

    with parquet.ParquetFile(path) as file:
        leaves = [(_name(steps), kind) for steps, kind in _leaves(file.schema_arrow)]
    counts = Counter(name for name, _ in leaves)
    twice = {name: "its name stands twice" for name, count in counts.items() if count > 1}
    return twice | {name: NO_TEXT for name, kind in leaves if not has_text(kind)}


def column_at(part: Any, steps: Steps) -> Any:
    """A batch's column; a field of a struct that is null is null. Raises LookupError."""
    from pyarrow import compute

    column = part.column(part.schema.names.index(steps[0]))
    for step in steps[1:]:
        place = column.type.get_field_index(step)
        if place < 0:
            raise LookupError(step)
        column = compute.struct_field(column, [place])
    return column


def no_text(path: Path, name: str, kind: str) -> BadMapping:
    """What is said of a mapped column whose type has no text."""
    return BadMapping(
        f"column {name!r} is of the type {kind}, which has no text",
        rule="column-type",
        where=path.name,
        todo="Write it as text, number, date or moment, or leave it out of the mapping.",
    )


def _is_own(leaf: Any) -> bool:
    """Whether a leaf is a column of the file itself, and within no struct, list or map."""
    return bool(leaf.path == leaf.name)


def _name(steps: Iterable[str]) -> str:
    return ".".join(step.strip() for step in steps)


def _refuse_group(name: str, wanted: Sequence[str], path: Path) -> None:
    group = next((one for one in wanted if name.startswith(f"{one}.")), None)
    if group is not None:
        raise no_text(path, group, "a list, a map or a struct (map its fields: `struct.field`)")


def _steps(schema: Any, path: str) -> Steps:
    """The names that a leaf's path is made of: a name may hold points itself."""
    for field in schema:
        if path == field.name:
            return (path,)
        if path.startswith(f"{field.name}.") and _is_struct(field.type):
            inner = [field.type.field(number) for number in range(field.type.num_fields)]
            if below := _steps(inner, path[len(field.name) + 1 :]):
                return (field.name, *below)
    return ()


def _leaves(fields: Iterable[Any], above: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    """Every column with its type, in file order, those of structs down to DEEPEST names."""
    for field in fields:
        steps = (*above, field.name)
        if _is_struct(field.type) and len(steps) < DEEPEST:
            inner = [field.type.field(number) for number in range(field.type.num_fields)]
            yield from _leaves(inner, steps)
        else:
            yield steps, field.type


def _is_struct(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_struct(kind))
