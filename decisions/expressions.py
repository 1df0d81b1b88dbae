"""What an expression of a policy names, and what it may not call."""

import re
from collections.abc import Iterable, Iterator

import zen

from decisions.jdm import TABLE, Graph, Node, conditions

PURE = frozenset(
    {"abs", "all", "avg", "bool", "ceil", "contains", "count", "endsWith", "extract", "filter"}
    | {"flatMap", "floor", "fuzzyMatch", "isNumeric", "keys", "len", "lower", "map", "matches"}
    | {"max", "median", "min", "mode", "none", "number", "one", "round", "some", "split"}
    | {"startsWith", "string", "sum", "trim", "trunc", "type", "upper", "values"}
)
"""The engine's functions whose answer depends on nothing but what they are given. The others are
refused: `rand`, and every function of dates, because each of them takes "now" for a date."""

_WORDS = frozenset({"and", "or", "not", "in", "true", "false", "null"})
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_NAME = re.compile(r"(?<![\w.#$])\$?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(\s*\()?")


def names(expression: str) -> set[str]:
    """The dotted names that an expression reads.

    >>> sorted(names("len(profile.plan) > 2 and grade in ['A', 'B']"))
    ['grade', 'profile.plan']
    """
    return {text for text, called in _tokens(expression) if not called}


def impure_calls(expression: str) -> set[str]:
    """The functions it calls whose answer the facts alone do not settle.

    >>> impure_calls("rand(10) > 3 and len('date()') > 2")
    {'rand'}
    """
    return {text for text, called in _tokens(expression) if called} - PURE


def _tokens(expression: str) -> Iterator[tuple[str, bool]]:
    for found in _NAME.finditer(_TEXT.sub("''", expression)):
        text = found[0].rstrip("( \t\n")
        if text not in _WORDS:
            yield text, found[1] is not None


def read_by(node: Node) -> Iterator[tuple[str, str, bool]]:
    """The expressions that a node reads: (which part of it, text, whether it is a unary test)."""
    for assignment in node.content.expressions:
        yield f"key {assignment.key!r}", assignment.value, False
    if node.type != TABLE:
        return
    for given in node.content.inputs:
        if given.field:
            yield f"column {given.name or given.id!r}", given.field, False
    for at, row in enumerate(node.content.rules):
        for given, text in conditions(node, row):
            yield f"row {at + 1}, column {given.name or given.id!r}", text, bool(given.field)


def complaint(expression: str, *, unary: bool) -> str | None:
    """What the engine's compiler says against an expression, or None.

    It must be asked: a table takes a cell that does not compile for one that never matches.
    """
    # not validate_unary_expression: 2.1.3 refuses "<= 7" there, and accepts it everywhere else
    compile_text = zen.compile_unary_expression if unary else zen.compile_expression
    try:
        compile_text(expression)
    except RuntimeError as bad:
        return said(bad)
    return None


def said(bad: Exception) -> str:
    """What an error of the engine says, without the backtrace that it may append."""
    return str(bad).partition("\n")[0]


def named_facts(graph: Graph) -> frozenset[str]:
    """All dotted names that the expressions of a graph read."""
    return frozenset(_flatten(names(text) for n in graph.nodes for _, text, _ in read_by(n)))


def _flatten(sets: Iterable[set[str]]) -> set[str]:
    return set().union(*sets)
