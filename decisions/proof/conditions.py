"""The conditions of a policy's tables: what each reads, directly and by way of expressions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from decisions.expressions.syntax import CELL, Tree, parse
from decisions.policy.expression_checks import names, names_in
from decisions.policy.jdm import EXPRESSION, OUTPUT, TABLE, Graph, Node
from decisions.policy.table_axes import CellValue, literals

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "not in"})
_LOGIC = frozenset({"and", "or", "not", "!", "?", "??"})


@dataclass(frozen=True, slots=True)
class CellCondition:
    """A cell that says something: of which table, row and column, and what must be known for it.

    `field` is what its column is about, None where the cell holds a whole condition. `facts` are
    those that it reads, `results` the columns of earlier tables, as `routing.action`.
    """

    table: str
    row: int
    column: str
    field: str | None
    test: str
    facts: tuple[str, ...]
    results: tuple[str, ...]


class Reading:
    """What a policy's conditions read.

    `keys` are its expressions by the name that they set, in order; `conditions` all cells of its
    tables; `inexact` the places whose tests may change their answer at values that they don't name.
    """

    def __init__(self, graph: Graph) -> None:
        self.nodes = [n for n in graph.in_order() or () if n.type in (TABLE, EXPRESSION)]
        self.tables = [n for n in self.nodes if n.type == TABLE]
        self._last = {n.id for end in graph.of_kind(OUTPUT) for n in graph.before(end)}
        self.results = {
            f"{t.content.output_path}.{c.field}": t.id
            for t in self.tables
            for c in t.content.outputs
        }
        self.keys = {
            line.key: line.value
            for node in self.nodes
            if node.type == EXPRESSION and node.id not in self._last
            for line in node.content.expressions
        }
        self._reads: dict[str, set[str]] = {}
        for key, value in self.keys.items():
            self._reads[key] = self._leaves(names(value))
        self.conditions = [one for table in self.tables for one in self._of(table)]
        self._by_row: dict[tuple[str, int], dict[str, CellCondition]] = {}
        for one in self.conditions:
            self._by_row.setdefault((one.table, one.row), {})[one.column] = one
        self.inexact = sorted(set(self._inexact()))

    def of_row(self, table: str, row: int) -> Mapping[str, CellCondition]:
        """The conditions of a row, by column."""
        return self._by_row.get((table, row), {})

    def leaves(self, of: set[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The facts and the results that names come down to, sorted."""
        every = self._leaves(of)
        results = every & self.results.keys()
        return tuple(sorted(every - results)), tuple(sorted(results))

    def _leaves(self, of: set[str]) -> set[str]:
        leaves: set[str] = set()
        for name in of:
            leaves |= self._reads.get(name, {name})
        return leaves

    def _of(self, table: Node) -> Iterator[CellCondition]:
        for at, row in enumerate(table.content.rules):
            for column in table.content.inputs:
                if not (text := row.get(column.id, "").strip()):
                    continue
                unary = bool(column.field)
                read = names_in(parse(text, unary=unary), unary=unary)
                read |= names(column.field) if column.field else set()
                facts, results = self.leaves(read)
                yield CellCondition(
                    table.id, at, column.id, column.field or None, text, facts, results
                )

    def literals(self, extra: Mapping[str, Iterable[str]]) -> dict[str, set[CellValue]]:
        """The values that each fact is compared with, and by the tests of `extra` too."""
        values: dict[str, set[CellValue]] = {
            fact: set() for one in self.conditions for fact in one.facts
        }
        for fact, tests in extra.items():
            trees = [parse(test, unary=True) for test in tests]
            values.setdefault(fact, set()).update(v for tree in trees for v in literals(tree))
        for of, tree in self._trees():
            for name, value in _compared(tree, of):
                for fact in self._told_by(name):
                    values.setdefault(fact, set()).add(value)
        return values

    def _told_by(self, name: str) -> Sequence[str]:
        """The facts whose cells a comparison of a name cuts.

        An expression that is plain changes only where its own comparisons say.
        """
        if name in self.keys and is_plain(parse(self.keys[name], unary=False)):
            return ()
        return self.leaves({name})[0]

    def _trees(self) -> Iterator[tuple[str, Tree]]:
        """The trees of all expressions and tests; of a test, what its cell is about."""
        fields = {one.field for one in self.conditions if one.field}
        for text in (*self.keys.values(), *fields):
            yield "", parse(text, unary=False)
        for field, test in {(one.field, one.test) for one in self.conditions}:
            yield field or "", parse(test, unary=bool(field))

    def _inexact(self) -> Iterator[str]:
        for key, text in self.keys.items():
            if not is_plain(parse(text, unary=False)):
                yield f"expression {key!r}"
        for one in self.conditions:
            about = one.field is None or is_plain(parse(one.field, unary=False))
            if not about or not is_plain(parse(one.test, unary=bool(one.field))):
                yield f"node {one.table!r}, row {one.row + 1}"


def _compared(tree: Tree, cell_of: str) -> Iterator[tuple[str, CellValue]]:
    """Which names are compared with which values; all with all where that cannot be told."""
    if not is_plain(tree):
        for name in names_in(tree, unary=bool(cell_of)) | ({cell_of} if cell_of else set()):
            yield from ((name, value) for value in literals(tree))
        return
    if cell_of:
        for part in tree.parts:
            if part.shape in ("literal", "list", "range"):
                yield from ((cell_of, value) for value in literals(part))
    for part in tree.walk():
        if part.shape != "operator" or part.value not in _COMPARISONS:
            continue
        for at, side in enumerate(part.parts):
            if side.shape == "name":
                name = cell_of if side.value == CELL else str(side.value)
                yield from ((name, value) for value in literals(part.parts[1 - at]))


def is_plain(tree: Tree) -> bool:
    """Whether an answer can change only at values that the tree compares with.

    >>> is_plain(parse("profile.employees > 10 ? 'large' : 'small'", unary=False))
    True
    >>> is_plain(parse("profile.employees * 2 > 10", unary=False))
    False
    """
    if tree.shape in ("literal", "name"):
        return True
    if tree.shape in ("list", "range"):
        return all(is_plain(part) for part in tree.parts)
    if tree.shape != "operator":
        return False
    if tree.value == "-" and len(tree.parts) == 1:
        return tree.parts[0].shape == "literal"
    if tree.value in _COMPARISONS:
        return _one_sided(tree)
    return tree.value in _LOGIC and all(is_plain(part) for part in tree.parts)


def _one_sided(tree: Tree) -> bool:
    """Whether a comparison is of one name, or of none, with literals."""
    named = [p for part in tree.parts for p in part.walk() if p.shape == "name"]
    sides = all(part.shape == "name" or is_plain(part) for part in tree.parts)
    return len(named) <= 1 and sides
