"""The facts that guards can tell apart: a value for each, between and at the numbers they name."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from decisions.expressions.syntax import Tree
from workflow.chart.facts import BOUNDS, FACTS, NOTHING
from workflow.chart.guards import Guard

OTHER = "another"
"""A text that no guard names."""
_LOGIC = frozenset({"and", "or", "not", "!"})
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
OF_LEAD = frozenset({"attempts", "owned"})
"""Facts that the workflow itself counts."""
Values = dict[str, float | str | bool]


class Unproven(Exception):
    """A guard that does more than compare facts with literals; says what."""


@dataclass(frozen=True, slots=True)
class FactAxes:
    """Of each fact that guards name, the values that stand for all; numbers ascending."""

    values: dict[str, tuple[float | str | bool, ...]]

    @property
    def count(self) -> int:
        """How many combinations there are."""
        total = 1
        for values in self.values.values():
            total *= len(values)
        return total

    def cells(self) -> Iterator[Values]:
        """Every combination."""
        for combination in product(*self.values.values()):
            yield dict(zip(self.values, combination, strict=True))


def axes(guards: Iterable[Guard]) -> FactAxes:
    """What the guards tell apart among the facts of a decision. Raises Unproven."""
    literals: dict[str, set[float | str | bool]] = {}
    for guard in guards:
        for name, literal in comparisons(guard.tree):
            literals.setdefault(name, set()).update(() if literal is None else (literal,))
    named = sorted(literals.keys() - OF_LEAD)
    return FactAxes({name: _representatives(name, literals[name]) for name in named})


def most_attempts(guards: Iterable[Guard]) -> int | None:
    """The largest number that guards hold attempts against; None where none does."""
    compared = [
        literal
        for guard in guards
        for name, literal in comparisons(guard.tree)
        if name == "attempts" and isinstance(literal, float)
    ]
    return int(max(compared)) + 1 if compared else None


def before_decision() -> Values:
    """What guards read before the first decision."""
    return {name: getattr(NOTHING, name) for name in FACTS if name not in OF_LEAD}


def comparisons(tree: Tree) -> Iterator[tuple[str, float | str | bool | None]]:
    """Each fact and the literal that it is compared with, None for a flag. Raises Unproven."""
    if tree.shape == "literal" and isinstance(tree.value, bool):
        return
    if tree.shape == "name":
        yield _flag(tree), None
        return
    if tree.shape != "operator":
        raise Unproven(f"it has a {tree.shape} where a comparison is due")
    if tree.value in _LOGIC:
        for part in tree.parts:
            yield from comparisons(part)
    elif tree.value in _COMPARISONS:
        yield from _comparison(*tree.parts)
    elif tree.value in ("in", "not in"):
        yield from _membership(*tree.parts)
    else:
        raise Unproven(f"it has the operator {tree.value}")


def _flag(tree: Tree) -> str:
    name = str(tree.value)
    if FACTS[name] != "flag":
        raise Unproven(f"{name} is no condition by itself")
    return name


def _comparison(one: Tree, other: Tree) -> Iterator[tuple[str, float | str | bool]]:
    if one.shape != "name":
        one, other = other, one
    if one.shape != "name":
        raise Unproven("it compares two values neither of which is a fact")
    yield str(one.value), _literal(str(one.value), other)


def _membership(value: Tree, among: Tree) -> Iterator[tuple[str, float | str | bool]]:
    if value.shape != "name" or among.shape not in ("list", "range"):
        raise Unproven("it asks for membership of what is no list of literals")
    for part in among.parts:
        yield str(value.value), _literal(str(value.value), part)


def _literal(name: str, tree: Tree) -> float | str | bool:
    sign = 1.0
    if tree.shape == "operator" and tree.value == "-" and len(tree.parts) == 1:
        sign, tree = -1.0, tree.parts[0]
    value = tree.value
    kinds = {"number": float, "text": str, "flag": bool}
    if tree.shape != "literal" or type(value) is not kinds[FACTS[name]]:
        raise Unproven(f"{name} is not compared with a {FACTS[name]}")
    return sign * value if isinstance(value, float) else value  # type: ignore[return-value]


def _representatives(
    name: str, literals: set[float | str | bool]
) -> tuple[float | str | bool, ...]:
    if FACTS[name] == "flag":
        return (False, True)
    if FACTS[name] == "text":
        return (*sorted(str(literal) for literal in literals), OTHER)
    return _numbers(sorted(float(literal) for literal in literals), *BOUNDS.get(name, (None, None)))


def _numbers(named: Sequence[float], least: float | None, most: float | None) -> tuple[float, ...]:
    low = named[0] - 1 if least is None else least
    high = named[-1] + 1 if most is None else most
    ends = [low, *named, high]
    values = {low, high, *named}
    values.update((a + b) / 2 for a, b in pairwise(ends))
    return tuple(sorted(v for v in values if low <= v <= high))
