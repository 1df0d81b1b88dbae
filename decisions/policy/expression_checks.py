"""The expressions of a policy: where they stand, what they name, and what they may not call."""

from collections.abc import Iterator

import zen

from decisions.expressions.syntax import Tree, parse
from decisions.expressions.tokens import NotUnderstood
from decisions.policy.jdm import TABLE, Graph, Node, conditions

PURE = frozenset(
    {"abs", "all", "avg", "bool", "ceil", "contains", "count", "endsWith", "extract", "filter"}
    | {"flatMap", "floor", "fuzzyMatch", "isNumeric", "keys", "len", "lower", "map", "matches"}
    | {"max", "median", "min", "mode", "none", "number", "one", "round", "some", "split"}
    | {"startsWith", "string", "sum", "trim", "trunc", "type", "upper", "values"}
)
"""The engine's functions whose answer depends on nothing but what they are given. The others are
refused: `rand`, and every function of dates, because each of them takes "now" for a date."""


SHOWN = 80


def names(expression: str, *, unary: bool = False) -> set[str]:
    """The dotted names that an expression reads; what its own loops and its cell hold is none.

    Raises NotUnderstood.

    >>> sorted(names("len(profile.plan) > 2 and grade in ['A', 'B']"))
    ['grade', 'profile.plan']
    """
    return names_in(parse(expression, unary=unary), unary=unary)


def names_in(tree: Tree, *, unary: bool) -> set[str]:
    """As `names`, of a tree."""
    names = {str(part.value) for part in tree.walk() if part.shape == "name"}
    own = {"$"} if unary else set()
    return {name for name in names if name not in own and not _of_a_loop(name)}


def _of_a_loop(name: str) -> bool:
    return name == "#" or name.startswith("#.")


def impure_calls(tree: Tree) -> set[str]:
    """The functions it calls whose answer the facts alone do not settle.

    >>> impure_calls(parse("rand(10) > 3 and len('date()') > 2", unary=False))
    {'rand'}
    """
    return {str(part.value) for part in tree.walk() if part.shape == "call"} - PURE


def read_by(node: Node) -> Iterator[tuple[str, str, bool]]:
    """The expressions that a node reads: (which part of it, text, whether it is a unary test)."""
    for assignment in node.content.expressions:
        yield f"key {assignment.key!r}", assignment.value, False
    if node.type != TABLE:
        return
    for column in node.content.inputs:
        if column.field:
            yield f"column {column.name or column.id!r}", column.field, False
    for at, row in enumerate(node.content.rules):
        for column, text in conditions(node, row):
            yield f"row {at + 1}, column {column.name or column.id!r}", text, bool(column.field)


def complaint(expression: str, *, unary: bool) -> str | None:
    """What can be said against an expression as such, or None.

    The engine's compiler must be asked too: a table takes a cell that does not compile for one
    that never matches. It is asked only what is understood here, and so neither long nor deep.
    """
    # not validate_unary_expression: 2.1.3 refuses "<= 7" there, and accepts it everywhere else
    compile_text = zen.compile_unary_expression if unary else zen.compile_expression
    try:
        parse(expression, unary=unary)
        compile_text(expression)
    except NotUnderstood as bad:
        return str(bad)
    except RuntimeError as bad:
        return message_of(bad)
    return None


def shown(expression: str) -> str:
    """An expression in a finding: its beginning, where it is long."""
    return repr(expression if len(expression) <= SHOWN else f"{expression[:SHOWN]}...")


def message_of(bad: Exception) -> str:
    """What an error of the engine says, without the backtrace that it may append."""
    return str(bad).partition("\n")[0]


def named_facts(graph: Graph) -> frozenset[str]:
    """All dotted names that the expressions of a graph read."""
    facts: set[str] = set()
    for node in graph.nodes:
        for _, text, unary in read_by(node):
            facts |= names(text, unary=unary)
    return frozenset(facts)
