"""The facts of a policy, each cut into cells within which no test changes its answer.

A fact's cells are the numbers that tests name, the gaps between them, the texts that they name, any
other text, and none; or what the policy declares of it. One value stands for each cell. Facts that
one test reads together form a group, whose cells are the combinations of theirs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod

from decisions.policy.declarations import InputType
from decisions.policy.table_axes import OTHER, CellValue, between
from decisions.proof.conditions import CellCondition

MOST_CELLS = 20_000
"""So many combinations may the facts have that one test reads together."""
SCORED = ("score", "grade")
"""The facts that stand for the score itself: they rise and fall together."""

FactCells = Mapping[str, tuple[CellValue, ...]]
Point = tuple[CellValue, ...]
"""A value for each fact of a group."""


class Unfinished(Exception):
    """There is too much to look at; says what."""


@dataclass(frozen=True, slots=True)
class FactGroup:
    """Facts that are looked at together, and a point for each of their cells."""

    facts: tuple[str, ...]
    points: tuple[Point, ...]


def score_cells(
    thresholds: Sequence[float], values: Iterable[CellValue], grades: Sequence[str]
) -> tuple[Point, ...]:
    """Probabilities, ascending, one for each cell of thresholds and tests, with their grades.

    >>> score_cells((0.5, 0.2, 0.1), [], "AD")
    ((0.0, 'D'), (0.05, 'D'), (0.5, 'A'), (0.75, 'A'), (1.0, 'A'))
    """
    named = {v for v in values if type(v) is float and 0 <= v <= 1}
    marks = sorted({0.0, 1.0, *thresholds, *named})
    scores = sorted({*marks, *((a + b) / 2 for a, b in pairwise(marks))})
    graded = ((score, _grade(score, thresholds)) for score in scores)
    return tuple(one for one in graded if one[1] in grades)


def _grade(score: float, thresholds: Sequence[float]) -> str:
    a, b, c = thresholds
    return "A" if score >= a else "B" if score >= b else "C" if score >= c else "D"


def cells_of(fact: str, values: set[CellValue], declared: InputType | None) -> Point:
    """The values that stand for the cells of a fact that is compared with `values`.

    Where nothing is declared, its type is that of what it is compared with; none comes first:
    where it makes no difference, a lead in a finding has none.
    """
    if fact == "account_known":
        return (True, False)
    numbers = {v for v in values if type(v) is float}
    texts = sorted({v for v in values if isinstance(v, str) and v})
    if declared is not None:
        return _declared(declared, numbers, texts)
    if fact == "percentile":
        return tuple(v for v in between({0.0, 100.0, *numbers}) if 0 <= v <= 100)
    of_numbers = between(numbers or {0.0}) if numbers or not texts else []
    of_texts = [*texts, OTHER] if texts or not numbers else []
    flags = [True, False] if any(isinstance(v, bool) for v in values) else []
    return (None, *of_numbers, *of_texts, *flags)


def _declared(declared: InputType, numbers: set[float], texts: Sequence[str]) -> Point:
    none: Point = (None,) if declared.optional else ()
    if declared.type == "flag":
        return (*none, True, False)
    if declared.type == "text":
        return (*none, *(declared.values or (*texts, OTHER)))
    ends = {end for end in (declared.min, declared.max) if end is not None}
    return (*none, *(v for v in between({*numbers, *ends} or {0.0}) if declared.holds(v)))


def groups(
    conditions: Iterable[CellCondition],
    cells: FactCells,
    order: Sequence[str],
    scores: Sequence[Point],
) -> list[FactGroup]:
    """The facts in groups, in order; score and grade are one. Raises Unfinished."""
    together = {fact: {fact} for fact in order}
    read = [one.facts for one in conditions]
    for facts in (*read, tuple(f for f in SCORED if f in together)):
        for fact in facts[1:]:
            joined = together[facts[0]] | together[fact]
            together |= dict.fromkeys(joined, joined)
    complete: dict[str, FactGroup] = {}
    for fact in order:
        members = tuple(f for f in order if f in together[fact])
        complete.setdefault(members[0], FactGroup(members, _points(members, cells, scores)))
    return list(complete.values())


def _points(facts: Sequence[str], cells: FactCells, scores: Sequence[Point]) -> tuple[Point, ...]:
    """The combinations of the cells of facts."""
    plain = [fact for fact in facts if fact not in SCORED]
    scored = [SCORED.index(fact) for fact in facts if fact in SCORED]
    levels = [tuple(level[at] for at in scored) for level in scores] if scored else [()]
    if len(levels) * prod(len(cells[fact]) for fact in plain) > MOST_CELLS:
        raise Unfinished(f"{', '.join(facts)} are read together and have too many combinations")
    places = {fact: at for at, fact in enumerate((*(SCORED[i] for i in scored), *plain))}
    return tuple(
        tuple((*level, *rest)[places[fact]] for fact in facts)
        for level in levels
        for rest in product(*(cells[fact] for fact in plain))
    )
