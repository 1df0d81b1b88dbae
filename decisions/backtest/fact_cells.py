"""Which facts of a policy only matter by the values that its expressions compare them with.

A policy that asks `features.recency_d <= 7` decides alike on 8 and on 9. A number that stands in
nothing but comparisons with literals falls into cells, and facts in the same cells are decided
alike: the engine need be asked but once. Whatever is used otherwise counts by its exact value.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator

from decisions.expressions.syntax import CELL, Tree, parse
from decisions.policy.expression_checks import named_facts, read_by
from decisions.policy.jdm import TABLE, Graph, Node, conditions
from domain.decisions import Facts

FactValue = float | str | bool | None
FactKey = tuple[object, ...]

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_MEMBERSHIP = frozenset({"in", "not in"})
_PARTS = frozenset({"profile", "features"})
_SMALLEST, _LARGEST = 1e-6, 1e12
"""Numbers beyond these count by their exact value: the engine's are decimal, of 28 digits."""


class FactCells:
    """The key of facts: two with the same one are decided alike by a policy.

    `wanted` are the names that the part of the decision rests on that is asked for (None: all).
    """

    def __init__(self, graph: Graph, wanted: Collection[str] | None = None) -> None:
        marks: dict[str, set[float] | None] = {}
        for name, compared in _uses(graph):
            if wanted is None or name in wanted:
                known = marks.setdefault(name, set())
                marks[name] = None if compared is None or known is None else known | compared
        for part in _PARTS & marks.keys():  # read as a whole: each of its values may matter
            named = named_facts(graph)
            marks |= dict.fromkeys(n for n in named if n.startswith(f"{part}."))
        self._plain = [(n, _ascending(marks[n])) for n in ("score", "percentile") if n in marks]
        self._profile = _within("profile", marks)
        self._features = _within("features", marks)

    def key(self, facts: Facts, *, scored: bool = True) -> FactKey:
        """The key; without what follows from the score where it is not `scored`."""
        profile, features = facts.profile, facts.features
        parts: list[object] = [facts.account_known]
        if scored:
            parts.append(facts.grade)
            parts += [_cell(getattr(facts, name), marks) for name, marks in self._plain]
        parts += [_cell(profile.get(name), marks) for name, marks in self._profile]
        parts += [_cell(features.get(name), marks) for name, marks in self._features]
        return tuple(parts)


def _ascending(marks: set[float] | None) -> list[float] | None:
    return None if marks is None else sorted(marks)


def _within(
    part: str, marks: dict[str, set[float] | None]
) -> tuple[tuple[str, list[float] | None], ...]:
    begins = f"{part}."
    return tuple(
        (name.removeprefix(begins).partition(".")[0], _ascending(values))
        for name, values in sorted(marks.items())
        if name.startswith(begins)
    )


def _cell(value: FactValue, marks: list[float] | None) -> object:
    """A number's place among the marks, twice that where it is one; else the value itself."""
    if isinstance(value, bool) or not isinstance(value, (float, int)):
        return value
    if value != value:  # noqa: PLR0124 (NaN, which the engine is given as null)
        return None
    if marks is None or not (value == 0 or _SMALLEST <= abs(value) <= _LARGEST):
        return (value,)
    at = bisect_left(marks, value)
    return 2 * at + 1 if at < len(marks) and marks[at] == value else 2 * at


def _uses(graph: Graph) -> Iterator[tuple[str, set[float] | None]]:
    """Each name that is read, with the numbers that it is compared with; None: read otherwise."""
    for node in graph.nodes:
        if node.type == TABLE:
            yield from _columns(node)
        for _, text, unary in read_by(node):
            if not unary:
                tree = parse(text, unary=False)
                if not (node.type == TABLE and tree.shape == "name"):
                    yield from _compared(tree)


def _columns(table: Node) -> Iterator[tuple[str, set[float] | None]]:
    """The fields of a table's columns, by the tests in their cells."""
    for column in table.content.inputs:
        field = parse(column.field, unary=False) if column.field else None
        name = str(field.value) if field is not None and field.shape == "name" else ""
        if name:
            yield name, set()
        for row in table.content.rules:
            text = next((t for c, t in conditions(table, row) if c.id == column.id), "")
            if not text or field is None:
                continue
            for used, compared in _compared(parse(text, unary=True)):
                if used != CELL:
                    yield used, compared
                elif name:
                    yield name, compared


def _compared(tree: Tree) -> Iterator[tuple[str, set[float] | None]]:
    """The names in an expression: with numbers where compared with literals, None elsewhere."""
    if tree.shape == "name":
        yield str(tree.value), None
        return
    if tree.shape == "list" and all(_literal(part) is not None for part in tree.parts):
        yield CELL, {n for part in tree.parts for n in _literal(part) or ()}
        return
    pair = _comparison(tree)
    if pair is not None:
        yield pair
        return
    parts = tree.parts
    if tree.shape == "list":  # alternatives of a cell: a bare literal is compared with it
        for part in parts:
            numbers = _literal(part)
            if numbers is not None:
                yield CELL, numbers
        parts = tuple(part for part in parts if _literal(part) is None)
    for part in parts:
        yield from _compared(part)


def _comparison(tree: Tree) -> tuple[str, set[float]] | None:
    """The name that an operator compares with literals, and the numbers among them."""
    if tree.shape == "range":
        numbers = _literal(tree)
        return None if numbers is None else (CELL, numbers)
    if tree.shape != "operator" or len(tree.parts) != 2:
        return None
    one, other = tree.parts
    if tree.value in _COMPARISONS and other.shape == "name":
        one, other = other, one
    if tree.value not in _COMPARISONS | _MEMBERSHIP or one.shape != "name":
        return None
    numbers = _literal(other)
    return None if numbers is None else (str(one.value), numbers)


def _literal(tree: Tree) -> set[float] | None:
    """The numbers of a literal, of a list or range of literals; None of anything else."""
    if tree.shape == "literal":
        return {tree.value} if type(tree.value) is float else set()
    if tree.shape == "operator" and tree.value == "-" and len(tree.parts) == 1:
        inner = tree.parts[0]
        return {-inner.value} if inner.shape == "literal" and type(inner.value) is float else None
    if tree.shape in ("list", "range") and tree.parts:
        numbers = [_literal(part) for part in tree.parts]
        return None if None in numbers else {n for each in numbers for n in each or ()}
    return None
