"""Golden rows: facts that reach into every corner of a policy, and what it decides on them.

They are made from the policy itself: each fact that it names takes every value that its
conditions speak of, values beside those, and none. The seed settles which of them meet.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from decisions.expressions.syntax import Tree, parse
from decisions.policy.expression_checks import names, names_in, read_by
from decisions.policy.jdm import TABLE, Graph, conditions
from decisions.policy.policy import load_policy, read_policy
from decisions.policy.zen_policy import ZenPolicy
from domain.decisions import Facts
from domain.ports import Policy
from domain.scores import Decision
from domain.versions.policy_manifest import GoldenRow

ROWS = 240
TRIES = 4_000
SEED = 7

FactValue = float | str | None

_NEITHER = "something else"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Facts on which two policies decide otherwise, with the later one's grade.

    The rules and their words say why, and do not count.
    """

    facts: Facts
    was: Decision
    now: Decision

    @property
    def fields(self) -> tuple[str, ...]:
        """What of the decision differs."""
        return tuple(f for f in self.was.unlike(self.now) if f not in ("rules", "because"))


def golden_rows(path: Path) -> list[GoldenRow]:
    """The golden rows of a policy's file. Raises BadConfiguration."""
    policy = load_policy(path)
    file, graph = read_policy(path)
    thresholds = (file.grades.A, file.grades.B, file.grades.C)
    return list(_explored(policy, _values(policy, graph, thresholds)))


def graded(policy: Policy, facts: Facts) -> Facts:
    """The facts with the grade that a policy gives to their score."""
    return msgspec.structs.replace(facts, grade=policy.grade(facts.score))


def broken(rows: Sequence[GoldenRow], policy: Policy) -> int:
    """On how many rows a policy does not decide as it is recorded to, rules included."""
    decided = ((row.decision, policy.decide(graded(policy, row.facts))) for row in rows)
    return sum(bool(was.unlike(now)) for was, now in decided)


def differences(facts: Iterable[Facts], former: Policy, now: Policy) -> list[Difference]:
    """The facts on which two policies decide otherwise."""
    decided = ((graded(former, f), graded(now, f)) for f in facts)
    compared = (Difference(facts=b, was=former.decide(a), now=now.decide(b)) for a, b in decided)
    return [one for one in compared if one.fields]


def _values(
    policy: ZenPolicy, graph: Graph, thresholds: Sequence[float]
) -> dict[str, Sequence[FactValue]]:
    """The values that each fact is to take."""
    profile, features = policy.looks_at
    values_named = _values_named(graph)
    parts = [f"profile.{n}" for n in profile] + [f"features.{n}" for n in features]
    return {
        "score": [s for t in (*thresholds, 0.5) for s in (t / 2, t, min(t * 1.01, 1.0))],
        "percentile": [0.0, 10.0, 50.0, 90.0, 99.0, 100.0],
        "account_known": [0.0, 1.0],
        **{name: _beside(values_named.get(name, set())) for name in parts},
    }


def _explored(policy: ZenPolicy, values: dict[str, Sequence[FactValue]]) -> Iterator[GoldenRow]:
    """Rows that go ways through the policy that no row before went; then any, up to ROWS.

    Each try changes some facts of a row that found a new way.
    """
    chance = random.Random(SEED)  # noqa: S311 (which values meet is no secret)
    ways: set[tuple[str, ...]] = set()
    rows: list[dict[str, FactValue]] = [
        {name: chance.choice(choices) for name, choices in values.items()}
    ]
    tries = 0
    for tried in range(TRIES):
        facts = dict(chance.choice(rows))
        for name in chance.sample(sorted(values), min(len(values), 1 + chance.randrange(3))):
            facts[name] = chance.choice(values[name])
        row = _row(policy, facts)
        new = row.decision.rules not in ways
        if new:
            ways.add(row.decision.rules)
            rows.append(facts)
        if new or TRIES - tried <= ROWS - tries:
            tries += 1
            yield row
        if tries == ROWS:
            return


def _row(policy: ZenPolicy, facts: dict[str, FactValue]) -> GoldenRow:
    def part(name: str) -> dict[str, FactValue]:
        begins = f"{name}."
        return {n.removeprefix(begins): v for n, v in facts.items() if n.startswith(begins)}

    probe = graded(
        policy,
        Facts(
            score=float(facts["score"] or 0.0),
            percentile=float(facts["percentile"] or 0.0),
            grade="",
            account_known=bool(facts["account_known"]),
            profile=part("profile"),
            features=part("features"),
        ),
    )
    return GoldenRow(facts=probe, decision=policy.decide(probe))


def _values_named(graph: Graph) -> dict[str, set[FactValue]]:
    """The values that the conditions compare each name with."""
    by_name: dict[str, set[FactValue]] = {}
    for about, tree in _conditions(graph):
        values = {p.value for p in tree.walk() if p.shape == "literal"}
        for name in about:
            values_of_name = by_name.setdefault(name, set())
            values_of_name.update(v for v in values if isinstance(v, (float, str)) and v != "")
    return by_name


def _conditions(graph: Graph) -> Iterator[tuple[set[str], Tree]]:
    for node in graph.nodes:
        for _, text, unary in read_by(node):
            if not unary:
                yield names(text), parse(text, unary=False)
        for row in node.content.rules if node.type == TABLE else ():
            for name, text in conditions(node, row):
                tree = parse(text, unary=bool(name.field))
                yield names(name.field) if name.field else names_in(tree, unary=False), tree


def _beside(values: set[FactValue]) -> list[FactValue]:
    """Those values, numbers next to them, another one, and none."""
    numbers = {n + step for n in values if isinstance(n, float) for step in (-1.0, 0.0, 1.0)}
    texts = {t for t in values if isinstance(t, str)}
    other: set[FactValue] = {_NEITHER} if texts or not numbers else set()
    return [*sorted(numbers), *sorted(texts), *sorted(map(str, other)), None]
