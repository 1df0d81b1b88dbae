"""A policy as the checks look at it: its tables, facts and points, and the policy itself to ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec

from decisions.policy.declarations import Declarations
from decisions.policy.jdm import EXPRESSION, OUTPUT, Graph, Node, cell, column
from decisions.policy.lint import PolicyFinding
from decisions.policy.table_axes import OTHER, CellValue
from decisions.policy.zen_policy import ZenPolicy
from decisions.proof.conditions import Reading
from decisions.proof.evaluation import Evaluator
from decisions.proof.fact_cells import SCORED, FactGroup, Point, cells_of, groups, score_cells
from decisions.proof.walk import Choice, FactValues, Trace, Walk, settled_facts
from domain.decisions import Facts
from domain.versions.policy_manifest import GoldenRow

MOST_TOLD = 10
"""Of one kind, so many findings of a table: more say nothing that these do not."""
_USUAL: FactValues = {"percentile": 50.0, "account_known": True}


@dataclass(frozen=True)
class Subject:
    """A policy that can be run, with what it declares. `grades` are those that leads have."""

    policy: ZenPolicy
    graph: Graph
    declared: Declarations
    grades: Sequence[str]

    @cached_property
    def reading(self) -> Reading:
        """What its conditions read."""
        return Reading(self.graph)

    @cached_property
    def evaluator(self) -> Evaluator:
        """Evaluates its conditions."""
        return Evaluator(self.reading)

    @cached_property
    def tables(self) -> list[Node]:
        """Its tables, each after those that it reads."""
        return self.reading.tables

    @cached_property
    def answer(self) -> Mapping[str, str]:
        """Which result each key of a decision is, as `routing.queue`."""
        last = [n for end in self.graph.of_kind(OUTPUT) for n in self.graph.before(end)]
        lines = [line for n in last if n.type == EXPRESSION for line in n.content.expressions]
        return {line.key: line.value.strip() for line in lines}

    @cached_property
    def cells(self) -> Mapping[str, Point]:
        """The values that stand for the cells of each fact but score and grade."""
        values = self.reading.literals(self.shares)
        return {
            fact: cells_of(fact, named, self.declared.inputs.get(fact))
            for fact, named in values.items()
            if fact not in SCORED
        }

    @cached_property
    def scores(self) -> Sequence[Point]:
        """Probabilities with their grades, ascending."""
        thresholds = [least for _, least in self.policy.grades[:3]]
        named = self.reading.literals(self.shares).get("score", set())
        return score_cells(thresholds, named, self.grades)

    @property
    def shares(self) -> Mapping[str, Mapping[str, float]]:
        """The declared shares of leads by fact and test."""
        return self.declared.demand.shares if self.declared.demand else {}

    def groups(self, tables: Sequence[Node], keep: Sequence[str] = ()) -> list[FactGroup]:
        """The facts that tables read, and those to keep, in groups. Raises Unfinished."""
        ids = {table.id for table in tables}
        mine = [one for one in self.reading.conditions if one.table in ids]
        facts = dict.fromkeys([*keep, *(f for one in mine for f in one.facts)])
        order = [f for f in facts if f in self.cells]
        if facts.keys() & set(SCORED):
            order = [*SCORED, *order]
        return groups([c for c in mine if not c.results], self.cells, order, self.scores)

    def before(self, results: Sequence[str]) -> list[Node]:
        """The tables that settle some results, with those that they read, in order."""
        wanted = {self.reading.results[name] for name in results}
        for table in reversed(self.tables):
            if table.id in wanted:
                read = (c for c in self.reading.conditions if c.table == table.id)
                wanted |= {self.reading.results[name] for c in read for name in c.results}
        return [table for table in self.tables if table.id in wanted]

    def walk(self, tables: Sequence[Node], keep: Sequence[str] = (), pairs: str = "") -> Walk:
        """A walk over tables. Raises Unfinished."""
        settled = self.groups(tables, [k for k in keep if k not in self.reading.results])
        return Walk(self.reading, self.evaluator, tables, settled, frozenset(keep), pairs)

    def each(self, group: FactGroup) -> Sequence[Choice]:
        """All points of a group; their shares are of no matter."""
        return [Choice((point,), 1.0) for point in group.points]

    def lead(self, trace: Trace | None, lead: int = 0, **changed: CellValue) -> GoldenRow:
        """A lead that a walk went by, and what the policy decides of it.

        Raises BadConfiguration where it cannot decide.
        """
        return self.decided(settled_facts(trace, lead) | changed)

    def decided(self, settled: FactValues) -> GoldenRow:
        """What the policy decides on facts; what is not settled is unknown."""
        values = _USUAL | {"score": self.scores[0][0] if self.scores else 0.0} | settled
        facts = Facts(
            score=float(values["score"] or 0.0),
            percentile=float(values["percentile"] or 0.0),
            grade="",
            account_known=bool(values["account_known"]),
            profile=_part("profile", values),
            features=_part("features", values),
        )
        facts = msgspec.structs.replace(facts, grade=self.policy.grade(facts.score))
        return GoldenRow(facts=facts, decision=self.policy.decide(facts))

    def rule(self, table: Node, at: int) -> str:
        """The identifier of a row."""
        return str(cell(table.content.rules[at], column(table, "rule")))


def _part(root: str, values: FactValues) -> dict[str, float | str | None]:
    """The attributes, or the features, among facts by their names."""
    begins = f"{root}."
    return {
        name.removeprefix(begins): value
        for name, value in values.items()
        if name.startswith(begins)
    }


def finding(rule: str, where: str, what: str, *proof: GoldenRow) -> PolicyFinding:
    """A finding with the leads that prove it: the policy itself decided on them."""
    return PolicyFinding(rule=f"policy-{rule}", where=where, what=what, proof=proof)


def rules_of(table: Node) -> list[str]:
    """The identifiers of a table's rows."""
    return [str(cell(row, column(table, "rule"))) for row in table.content.rules]


def in_words(row: GoldenRow) -> str:
    """A lead in a finding: the facts that are known of it, and the rules that decide.

    Texts are those that the policy itself names.
    """
    facts = row.facts
    known = {**{f"profile.{k}": v for k, v in facts.profile.items()}}
    known |= {f"features.{k}": v for k, v in facts.features.items()}
    parts = [f"score {facts.score:g} (grade {facts.grade})"]
    parts += [] if facts.account_known else ["no account"]
    parts += [
        f"{name} {_value(value)}" for name, value in sorted(known.items()) if value is not None
    ]
    return ", ".join(parts)


def _value(value: object) -> str:
    if value == OTHER:
        return OTHER
    return f"{value:g}" if isinstance(value, float) else repr(value)
