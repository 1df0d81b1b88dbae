"""How much an expression can build, and how long it can take, whatever the facts are.

The engine is native code: once it evaluates, nothing can stop it but the end of the process. So
what could grow is refused before: an upper bound of size and of work is told from the tree alone.
"""

import re
from collections.abc import Mapping
from math import prod

from decisions.expressions.syntax import Tree

CostWeights = Mapping[str, int]
"""What each earlier result weighs at most; a name that is not there is a fact."""

TEXT = 1_000
"""Characters of a fact: longer texts are cut before a policy sees them."""
NUMBER = 32
"""What a number weighs: its digits, where it becomes a text."""
LARGEST = 1e15
"""Numbers are cut to ± this: the engine counts in decimals and refuses what it cannot hold."""
MOST_ITEMS = 1_000
MOST_WEIGHT = 100_000
"""Characters and items of one result together."""
MOST_WORK = 5_000_000
"""Units of about 10 ns that one decision may take: some 50 ms."""
MOST_PATTERN = 200
STEP = 10
"""Units of the least operation."""

_LOOPS = frozenset({"all", "count", "filter", "flatMap", "map", "none", "one", "some"})
_PATTERNED = frozenset({"extract", "matches"})
_REPEATED = re.compile(r"\{(\d+)?(?:,(\d+)?)?\}")


class TooLarge(Exception):
    """An expression that could build too much or take too long; says which part of it."""


def weigh(tree: Tree, known: CostWeights) -> tuple[int, int]:
    """The most that an expression's result weighs, and the most work. Raises TooLarge."""
    weight, work = _weigh(tree, known)
    if weight > MOST_WEIGHT:
        raise TooLarge(f"its result can have {weight:,} characters or items, {_MAY}")
    if work > MOST_WORK:
        raise TooLarge(f"it can take {work:,} steps, at most {MOST_WORK:,} may be")
    return weight, work


_MAY = f"at most {MOST_WEIGHT:,} may be"


def _weigh(tree: Tree, known: CostWeights) -> tuple[int, int]:
    match tree.shape:
        case "literal":
            return _literal(tree.value), STEP
        case "name":
            return known.get(str(tree.value), TEXT), STEP
        case "range":
            return NUMBER * _width(tree), STEP * _width(tree)
        case "call":
            loops = tree.value in _LOOPS and len(tree.parts) == 2
            return _loop(tree, known) if loops else _call(tree, known)
        case "operator" if tree.value in ("in", "not in"):
            return _membership(tree, known)
    return _sum(tree, known)


def _literal(value: object) -> int:
    if isinstance(value, str):
        return len(value) + 1
    if isinstance(value, float) and value > LARGEST:
        raise TooLarge(f"it holds a number above {LARGEST:g}")
    return NUMBER


def _sum(tree: Tree, known: CostWeights) -> tuple[int, int]:
    costs = [_weigh(part, known) for part in tree.parts]
    total = sum(weight for weight, _ in costs) + 1
    # joining copies, a template or a list too
    work = sum(work for _, work in costs) + STEP + total // 100
    if tree.shape == "operator":
        if tree.value == "?":
            return max(weight for weight, _ in costs[1:]), work
        if tree.value != "+":
            return (max(w for w, _ in costs) if tree.value == "??" else NUMBER), work
    if total > MOST_WEIGHT:
        raise TooLarge(f"a part of it can have {total:,} characters or items, {_MAY}")
    return total, work


def _membership(tree: Tree, known: CostWeights) -> tuple[int, int]:
    """Membership of a range asks for both ends, and builds no list."""
    value, among = tree.parts
    _, work = _weigh(value, known)
    if among.shape == "range":
        return NUMBER, work + sum(_weigh(end, known)[1] for end in among.parts) + STEP
    return NUMBER, work + _weigh(among, known)[1] + STEP


def weigh_test(tree: Tree, known: CostWeights) -> tuple[int, int]:
    """As `weigh`, of a cell's test: a range among its alternatives is a membership."""
    cell = Tree("name", "$")
    costs = tuple(
        Tree("operator", "in", (cell, part)) if part.shape == "range" else part
        for part in tree.parts
    )
    return weigh(Tree("list", parts=costs), known)


def _width(tree: Tree) -> int:
    """How many items a range has that becomes a list."""
    ends = [_whole(end) for end in tree.parts]
    if ends[0] is None or ends[1] is None:
        raise TooLarge("a range that becomes a list must have literal numbers as ends")
    width = ends[1] - ends[0] + 1
    if width > MOST_ITEMS:
        raise TooLarge(f"a range becomes a list of {width:,.0f} items, at most {MOST_ITEMS:,}")
    return max(int(width), 1)


def _whole(end: Tree) -> float | None:
    if end.shape == "operator" and end.value == "-" and len(end.parts) == 1:
        whole = _whole(end.parts[0])
        return None if whole is None else -whole
    return end.value if end.shape == "literal" and isinstance(end.value, float) else None


def _items(tree: Tree, weight: int) -> int:
    """How many items a list has at most."""
    if tree.shape == "list":
        return len(tree.parts)
    return _width(tree) if tree.shape == "range" else weight


def _loop(tree: Tree, known: CostWeights) -> tuple[int, int]:
    source, body = tree.parts
    weight, work = _weigh(source, known)
    items = _items(source, weight)
    each, again = _weigh(body, {**known, "#": weight})
    work += items * (again + STEP)
    if work > MOST_WORK:
        raise TooLarge(f"{tree.value}() can take {work:,} steps, at most {MOST_WORK:,} may be")
    if tree.value not in ("map", "flatMap"):
        return weight if tree.value == "filter" else NUMBER, work
    if items * (each + 1) > MOST_WEIGHT:
        raise TooLarge(
            f"{tree.value}() can make {items * (each + 1):,} characters or items, {_MAY}"
        )
    return items * (each + 1), work


def _call(tree: Tree, known: CostWeights) -> tuple[int, int]:
    costs = [_weigh(part, known) for part in tree.parts]
    weights = [weight for weight, _ in costs]
    work = sum(work for _, work in costs) + STEP + sum(weights)
    if tree.value in _PATTERNED:
        work += weights[0] * _pattern(tree)
    if tree.value == "fuzzyMatch":
        work += prod(weights)
    if tree.value == "split":
        return 2 * sum(weights), work
    return max(sum(weights), NUMBER), work


def _pattern(tree: Tree) -> int:
    """How large the machine of a pattern can be: its length times its repetitions."""
    pattern = tree.parts[1] if len(tree.parts) > 1 else tree
    if pattern.shape != "literal" or not isinstance(pattern.value, str):
        raise TooLarge(f"{tree.value}() must be given its pattern as a literal text")
    if len(pattern.value) > MOST_PATTERN:
        raise TooLarge(f"the pattern of {tree.value}() has more than {MOST_PATTERN} characters")
    times = [int(high or low or 1) for low, high in _REPEATED.findall(pattern.value)]
    return (len(pattern.value) + 1) * prod(max(n, 1) for n in times)
