"""A walk over all leads that there could be, as sets of those that a policy cannot tell apart.

Facts are settled group by group. After each, a state is which rows of each table can still fire,
and what later steps must know; leads in the same state are one from there on (a decision diagram
with many values, Srinivasan and others 1990). A table is resolved as soon as all that it reads is
settled: its first row left fires. For comparisons two leads walk side by side, unlike in one group.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from decisions.policy.jdm import Node, cell
from decisions.policy.table_axes import CellValue
from decisions.proof.conditions import CellCondition, Reading
from decisions.proof.evaluation import Evaluator
from decisions.proof.fact_cells import FactGroup, Point, Unfinished

MOST_STATES = 40_000
"""So many states may there be at once."""

Values = tuple[tuple[str, CellValue], ...]
FactValues = dict[str, CellValue]


class Side(NamedTuple):
    """Of one lead: the rows that are left, as bits by table, and what is kept of it."""

    rows: tuple[int, ...]
    kept: Values


State = tuple[Side, ...]


class Trace(NamedTuple):
    """How a state came about: the state before, the group that was settled, a point per lead."""

    before: "Trace | None"
    group: FactGroup
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A point of a group for each lead, and its share of all leads."""

    points: tuple[Point, ...]
    share: float


@dataclass(slots=True)
class Visited:
    """What a walk came by.

    `fired`: by table and row a lead for which it fires. `together`: by table and two rows a lead
    whom both catch, the first of them firing. `ends`: the last states, with a lead of each and
    their share of all.
    """

    fired: dict[tuple[str, int], Trace | None] = field(default_factory=dict)
    together: dict[tuple[str, int, int], Trace | None] = field(default_factory=dict)
    ends: dict[State, tuple[Trace | None, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A group that is settled, or a table that is resolved, and the conditions known from then on.

    `pure` are those that read facts alone, each with all rows that have it, as bits by table;
    `late` those that read results, with their tables. `keep` are the results and facts that are
    kept after it, `settled` the rows that wait for nothing more, by table.
    """

    group: FactGroup | None
    table: int | None
    pure: tuple[tuple[CellCondition, tuple[int, ...]], ...]
    late: tuple[tuple[int, CellCondition], ...]
    keep: frozenset[str]
    settled: tuple[int, ...]


class Walk:
    """A walk over some tables of a policy. `keep` are facts and results to know at the end.

    `pairs`: rows that catch the same lead are looked for in that table.
    """

    def __init__(
        self,
        reading: Reading,
        evaluator: Evaluator,
        tables: Sequence[Node],
        groups: Sequence[FactGroup],
        keep: frozenset[str] = frozenset(),
        pairs: str = "",
    ) -> None:
        self._tables = tables
        self._evaluator = evaluator
        self._pairs = pairs
        self._outputs = {
            f"{t.content.output_path}.{c.field}": (at, c.id)
            for at, t in enumerate(tables)
            for c in t.content.outputs
        }
        ids = [t.id for t in tables]
        self._conditions = [
            (ids.index(one.table), one) for one in reading.conditions if one.table in ids
        ]
        self._steps = self._plan(groups, keep)

    def run(self, choices: Callable[[FactGroup], Sequence[Choice]], leads: int = 1) -> Visited:
        """Walk. `choices` gives the points of a group that are to be told apart.

        Raises Unfinished where there are too many states.
        """
        visited = Visited()
        first = Side(tuple((1 << len(t.content.rules)) - 1 for t in self._tables), ())
        states: dict[State, tuple[Trace | None, float]] = {(first,) * leads: (None, 1.0)}
        for step in self._steps:
            if step.group is not None:
                states = self._settle(states, step, step.group, choices(step.group))
            else:
                states = self._resolve(states, step, visited)
            if len(states) > MOST_STATES:
                raise Unfinished(f"leads are told apart in more than {MOST_STATES:,} ways")
        visited.ends = states
        return visited

    def _plan(self, groups: Sequence[FactGroup], keep: frozenset[str]) -> list[Step]:
        """Each table as early as it can be resolved: the facts that it reads come just before."""
        steps: list[tuple[FactGroup | None, int | None]] = []
        waiting = list(groups)
        for at in range(len(self._tables)):
            read = {f for table, one in self._conditions if table == at for f in one.facts}
            steps += [(g, None) for g in waiting if read & set(g.facts)]
            waiting = [g for g in waiting if not read & set(g.facts)]
            steps.append((None, at))
        wanted = [g for g in waiting if keep & set(g.facts)]
        steps = [*((g, None) for g in wanted), *steps]
        known: set[str] = set()
        resolved: set[int] = set()
        planned: list[Step] = []
        left = list(self._conditions)
        for group, table in steps:
            known |= set(group.facts) if group else self._results_of(table)
            resolved |= set() if table is None else {table}
            due = [c for c in left if known.issuperset((*c[1].facts, *c[1].results))]
            left = [c for c in left if not known.issuperset((*c[1].facts, *c[1].results))]
            needed = {n for t, c in left if c.results for n in (*c.facts, *c.results)} | keep
            planned.append(
                Step(
                    group,
                    table,
                    self._pure([c for c in due if not c[1].results]),
                    tuple(c for c in due if c[1].results),
                    frozenset(needed & known),
                    self._settled(left),
                )
            )
        return planned

    def _pure(
        self, due: Sequence[tuple[int, CellCondition]]
    ) -> tuple[tuple[CellCondition, tuple[int, ...]], ...]:
        """Conditions that say the same as one, with the rows that have it."""
        same: dict[tuple[str | None, str], tuple[CellCondition, list[int]]] = {}
        for table, one in due:
            entry = same.setdefault((one.field, one.test), (one, [0] * len(self._tables)))
            entry[1][table] |= 1 << one.row
        return tuple((one, tuple(rows)) for one, rows in same.values())

    def _results_of(self, table: int | None) -> set[str]:
        return {name for name, (at, _) in self._outputs.items() if at == table}

    def _settled(self, left: Sequence[tuple[int, CellCondition]]) -> tuple[int, ...]:
        masks = [(1 << len(t.content.rules)) - 1 for t in self._tables]
        for table, one in left:
            masks[table] &= ~(1 << one.row)
        return tuple(
            0 if t.id == self._pairs else m for t, m in zip(self._tables, masks, strict=True)
        )

    def _settle(
        self,
        states: Mapping[State, tuple[Trace | None, float]],
        step: Step,
        group: FactGroup,
        choices: Sequence[Choice],
    ) -> dict[State, tuple[Trace | None, float]]:
        after: dict[State, tuple[Trace | None, float]] = {}
        alike = self._alike(step, group, choices)
        for state, (trace, share) in states.items():
            for choice, effects in alike:
                sides = tuple(
                    self._side(side, step, values, masks)
                    for side, (values, masks) in zip(state, effects, strict=True)
                )
                before = after.get(sides)
                part = share * choice.share
                if before is None:
                    after[sides] = (Trace(trace, group, choice.points), part)
                else:
                    after[sides] = (before[0], before[1] + part)
            if len(after) > MOST_STATES:
                break
        return after

    def _alike(
        self, step: Step, group: FactGroup, choices: Sequence[Choice]
    ) -> list[tuple[Choice, tuple[tuple[Values, tuple[int, ...]], ...]]]:
        """The choices, those with the same effect as one: what is kept, and the rows left."""
        effects: dict[tuple[tuple[Values, tuple[int, ...]], ...], Choice] = {}
        for choice in choices:
            effect = tuple(self._effect(step, group, point) for point in choice.points)
            one = effects.get(effect)
            share = choice.share + (one.share if one else 0.0)
            effects[effect] = Choice(one.points if one else choice.points, share)
        return [(choice, effect) for effect, choice in effects.items()]

    def _effect(self, step: Step, group: FactGroup, point: Point) -> tuple[Values, tuple[int, ...]]:
        values = dict(zip(group.facts, point, strict=True))
        masks = [-1] * len(self._tables)
        for one, rows in step.pure:
            if not self._evaluator.holds(one, values):
                masks = [mask & ~row_bits for mask, row_bits in zip(masks, rows, strict=True)]
        return tuple((n, v) for n, v in values.items() if n in step.keep), tuple(masks)

    def _side(self, side: Side, step: Step, values: Values, masks: Sequence[int]) -> Side:
        """A lead after a step: fewer rows, and what is still needed."""
        kept = tuple(sorted((*side.kept, *values)))
        rows = [a & b for a, b in zip(side.rows, masks, strict=True)]
        known = dict(kept)
        for table, one in step.late:
            if rows[table] >> one.row & 1 and not self._evaluator.holds(one, known):
                rows[table] &= ~(1 << one.row)
        for at, settled in enumerate(step.settled):
            if certain := rows[at] & settled:
                rows[at] &= ((certain & -certain) << 1) - 1
        return Side(tuple(rows), tuple(pair for pair in kept if pair[0] in step.keep))

    def _resolve(
        self,
        states: Mapping[State, tuple[Trace | None, float]],
        step: Step,
        visited: Visited,
    ) -> dict[State, tuple[Trace | None, float]]:
        after: dict[State, tuple[Trace | None, float]] = {}
        at = step.table or 0
        for state, (trace, share) in states.items():
            for side in state:
                self._note(at, side.rows[at], trace, visited)
            sides = tuple(self._resolved(side, step, at) for side in state)
            before = after.get(sides)
            after[sides] = (trace, share) if before is None else (before[0], before[1] + share)
        return after

    def _note(self, at: int, rows: int, trace: Trace | None, visited: Visited) -> None:
        table = self._tables[at].id
        first = _lowest(rows)
        visited.fired.setdefault((table, first), trace)
        rest = rows & (rows - 1) if table == self._pairs else 0
        while rest:
            visited.together.setdefault((table, first, _lowest(rest)), trace)
            rest &= rest - 1

    def _resolved(self, side: Side, step: Step, at: int) -> Side:
        first = _lowest(side.rows[at])
        row = self._tables[at].content.rules[first] if first >= 0 else {}
        values: Values = tuple(
            (name, _value(cell(row, column)))
            for name, (table, column) in self._outputs.items()
            if table == at
        )
        emptied = Side((*side.rows[:at], 0, *side.rows[at + 1 :]), side.kept)
        return self._side(emptied, step, values, [-1] * len(self._tables))


def _lowest(rows: int) -> int:
    return (rows & -rows).bit_length() - 1


def _value(value: object) -> CellValue:
    return float(value) if type(value) is int else value  # type: ignore[return-value]


def settled_facts(trace: Trace | None, lead: int = 0) -> FactValues:
    """The facts of a lead that a walk went by; those that it did not settle are not there."""
    facts: FactValues = {}
    while trace is not None:
        facts |= dict(zip(trace.group.facts, trace.points[lead], strict=True))
        trace = trace.before
    return facts
