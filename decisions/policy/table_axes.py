"""What a table's conditions tell apart: each column cut where its tests change their answer.

A column's values fall into cells within which no test of it changes: each number that a test
names, the gaps between, each text, any other text, and none. One value stands for each cell, and
the engine itself says which tests it passes; so a row becomes a box of cells, and whether rows
cover each other is a matter of sets.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import zen

from decisions.expressions.syntax import CELL, Tree, parse
from decisions.policy.jdm import EXPRESSION, TABLE, Graph, Node, cell, conditions

CellValue = float | str | bool | None
Domains = Mapping[str, Sequence[CellValue]]
"""By name, all values that it can have; a name that is not there can have any."""
Box = tuple[int, ...]
"""Per axis the cells, as bits."""

GRADES = ("A", "B", "C", "D")
MOST_BOXES = 2_000
OTHER = "any other text"
_RANGES = {"score": (0.0, 1.0), "percentile": (0.0, 100.0)}
_SIMPLE = frozenset(
    {"==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or", "not", "!", "-"}
)


@dataclass(frozen=True, slots=True)
class Axis:
    """A column: its field and a value for each of its cells."""

    field: str
    values: tuple[CellValue, ...]

    @property
    def full(self) -> int:
        """All its cells."""
        return (1 << len(self.values)) - 1

    def cells_of(self, test: str) -> int:
        """The cells whose values pass a test."""
        compiled = zen.compile_unary_expression(test)
        return sum(1 << at for at, value in enumerate(self.values) if _passes(compiled, value))


@dataclass(frozen=True, slots=True)
class Space:
    """A table's axes, and each row's box as far as its tests can be told.

    `least` holds what a row catches for certain, `most` what it may catch.
    """

    axes: tuple[Axis, ...]
    least: tuple[Box | None, ...]
    most: tuple[Box, ...]

    @property
    def whole(self) -> Box:
        """Everything."""
        return tuple(axis.full for axis in self.axes)

    def example(self, box: Box) -> str:
        """One point of a box, in words, of the columns that matter."""
        parts = [
            f"{axis.field} {_in_words(axis.values[_first(cells)])}"
            for axis, cells in zip(self.axes, box, strict=True)
            if cells != axis.full
        ]
        return ", ".join(parts) or "any lead"


def _passes(compiled: "zen.Expression", value: CellValue) -> bool:
    try:
        return bool(compiled.evaluate({CELL: value}))
    except RuntimeError:  # as `'a' > 7`: in a table it does not match
        return False


def _first(cells: int) -> int:
    return (cells & -cells).bit_length() - 1


def _in_words(value: CellValue) -> str:
    return "unknown" if value is None else repr(value) if isinstance(value, str) else f"{value}"


def domains(graph: Graph, grades: Sequence[str] = GRADES) -> dict[str, tuple[CellValue, ...]]:
    """The names whose values are all known: grades, and results that are literals."""
    axes: dict[str, tuple[CellValue, ...]] = {
        "grade": tuple(grades),
        "account_known": (False, True),
    }
    for node in graph.in_order() or ():
        if node.type == TABLE:
            for column in node.content.outputs:
                literals_of = {_literal(cell(row, column.id)) for row in node.content.rules}
                axes[f"{node.content.output_path}.{column.field}"] = tuple(
                    sorted(literals_of, key=repr)
                )
        if node.type == EXPRESSION:
            for line in node.content.expressions:
                leaves = _leaves(parse(line.value, unary=False), axes)
                if leaves is not None:
                    axes[line.key] = tuple(sorted(leaves, key=repr))
    return axes


def _literal(value: object) -> CellValue:
    return float(value) if type(value) is int else value  # type: ignore[return-value]


def _leaves(tree: Tree, known: Domains) -> set[CellValue] | None:
    """All results of an expression whose branches are literals."""
    if tree.shape == "literal":
        return {_literal(tree.value)}
    if tree.shape == "name" and tree.value in known:
        return set(known[str(tree.value)])
    if tree.shape == "operator" and tree.value == "?":
        one, other = (_leaves(part, known) for part in tree.parts[1:])
        return None if one is None or other is None else one | other
    return None


def literals(tree: Tree) -> set[CellValue]:
    """The texts and numbers in an expression; a number after a minus is negative."""
    values: set[CellValue] = set()
    for part in tree.walk():
        if part.shape == "literal" and part.value is not None:
            values.add(part.value)  # type: ignore[arg-type]
        if part.shape == "operator" and part.value == "-" and len(part.parts) == 1:
            inner = part.parts[0].value
            values |= {-inner} if type(inner) is float else set()
    return values


def is_simple(tree: Tree) -> bool:
    """Whether a test's answer can change only at the values that it names."""
    return all(
        part.shape in ("literal", "list", "range")
        or (part.shape == "name" and part.value == CELL)
        or (part.shape == "operator" and part.value in _SIMPLE)
        for part in tree.walk()
    )


def axis_of(field: str, trees: Sequence[Tree], known: Domains) -> Axis:
    """The cells of a column with these tests."""
    if field in known:
        return Axis(field, tuple(known[field]))
    named = {value for tree in trees for value in literals(tree)}
    numbers = sorted({v for v in named if type(v) is float})
    if field in _RANGES:
        low, high = _RANGES[field]
        return Axis(field, tuple(v for v in between({low, high, *numbers}) if low <= v <= high))
    texts = sorted(v for v in named if isinstance(v, str) and v)
    return Axis(field, (*between(set(numbers) or {0.0}), *texts, OTHER, None))


def between(marks: set[float]) -> list[float]:
    """The marks, what lies between two of them, and before and after all."""
    ascending = sorted(marks)
    gaps = [(a + b) / 2 for a, b in pairwise(ascending)]
    return sorted({ascending[0] - 1, *ascending, *gaps, ascending[-1] + 1})


def space_of(table: Node, known: Domains, beside: Node | None = None) -> Space:
    """A table's axes and boxes; the tests of `beside` cut the axes too."""
    columns = table.content.inputs
    trees = {c.id: _tests(table, c.field, c.id) for c in columns}
    axes = []
    for column in columns:
        also = _tests(beside, column.field, None) if beside is not None else []
        axes.append(axis_of(column.field or "", [*trees[column.id], *also], known))
    cells: dict[tuple[str, str], int | None] = {}

    def test_at(at: int, test: str) -> int | None:
        key = (columns[at].id, test)
        if key not in cells:
            plain = columns[at].field and is_simple(parse(test, unary=True))
            cells[key] = axes[at].cells_of(test) if plain else None
        return cells[key]

    least, most = zip(
        *(_boxes(table, row, axes, test_at) for row in table.content.rules), strict=True
    )
    return Space(tuple(axes), least, most)


def _boxes(
    table: Node,
    row: Mapping[str, str],
    axes: Sequence[Axis],
    test_at: Callable[[int, str], int | None],
) -> tuple[Box | None, Box]:
    """What a row catches for certain (None: nothing), and what it may catch."""
    tests = [row.get(c.id, "").strip() for c in table.content.inputs]
    boxes = [
        axis.full if not test else test_at(at, test)
        for at, (axis, test) in enumerate(zip(axes, tests, strict=True))
    ]
    most = tuple(
        axis.full if cells is None else cells for axis, cells in zip(axes, boxes, strict=True)
    )
    return (most if None not in boxes else None), most


def _tests(table: Node | None, field: str | None, column_id: str | None) -> list[Tree]:
    """The parsed tests of a column, by its id, else of all columns of a field."""
    if table is None or not field:
        return []
    tests = {
        text
        for row in table.content.rules
        for column, text in conditions(table, row)
        if column.id == column_id or (column_id is None and column.field == field)
    }
    return [parse(text, unary=True) for text in sorted(tests)]


def meet(one: Box, other: Box) -> Box | None:
    """What two boxes have in common."""
    both = tuple(a & b for a, b in zip(one, other, strict=True))
    return both if all(both) or not both else None


def without(boxes: Sequence[Box], cut: Box) -> list[Box]:
    """What is left of boxes, which do not overlap, beside another."""
    return [part for box in boxes for part in _outside(box, cut)]


def _outside(box: Box, cut: Box) -> Iterator[Box]:
    if meet(box, cut) is None:
        yield box
        return
    inner = list(box)
    for at, cells in enumerate(cut):
        if rest := inner[at] & ~cells:
            yield (*inner[:at], rest, *inner[at + 1 :])
        inner[at] &= cells
