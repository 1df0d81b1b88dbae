"""A policy whose decision model zen-engine evaluates."""

import math
from collections.abc import Mapping
from hashlib import blake2b

import msgspec
import zen

from decisions.expressions.cost import LARGEST, TEXT
from decisions.policy.expression_checks import message_of, named_facts
from decisions.policy.jdm import OUTPUT, TABLE, Graph, Node, cell, column, conditions
from decisions.policy.lint import PolicyFinding
from domain.decisions import Facts
from domain.errors import BadConfiguration
from domain.scores import Decision

Fact = float | str | bool | None

LONGEST_WHY = 300
"""Characters of why an action is the next best one."""
_KEY = "policy"
_PARTS = ("profile", "features")
_RULE = "policy-evaluates"


class ZenPolicy:
    """Satisfies `domain.ports.Policy`. Immutable, and safe to use from many threads.

    `label` is name and version; `fingerprint` a digest of grades and graph: two policies with
    the same one decide the same.
    """

    def __init__(
        self, label: str, grades: tuple[float, float, float], decision: bytes, graph: Graph
    ) -> None:
        self._label = label
        self._grades = grades
        self._engine = _engine(decision)
        names = named_facts(graph)
        self._plain = tuple(sorted(n for n in names if n in {"score", "percentile", "grade"}))
        self._account = "account_known" in names
        self._why_at, self._why = _explanations(graph)
        self._profile = _within("profile", names)
        self._features = _within("features", names)
        body = msgspec.json.encode((grades, msgspec.json.decode(decision)), order="sorted")
        self.fingerprint = blake2b(body, digest_size=8).hexdigest()

    @property
    def label(self) -> str:
        """Name and version, such as `standard-1`."""
        return self._label

    @property
    def looks_at(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The attributes and the features that its expressions name."""
        return self._profile, self._features

    @property
    def grades(self) -> tuple[tuple[str, float], ...]:
        """Grades with their least probability, the best first, the last at 0."""
        return (*zip("ABC", self._grades, strict=True), ("D", 0.0))

    def grade(self, score: float) -> str:
        """A to D; D where the score is no number."""
        a, b, c = self._grades
        return "A" if score >= a else "B" if score >= b else "C" if score >= c else "D"

    def decide(self, facts: Facts) -> Decision:
        """What to do about a lead, complete whatever the facts hold.

            A fact that is absent, None, an empty text or no finite number is null in the model; a
        longer text than TEXT characters is cut, a number beyond ± LARGEST is that.
        Raises BadConfiguration where an expression node cannot work with the facts.
        """
        context: dict[str, object] = {name: _clean(getattr(facts, name)) for name in self._plain}
        if self._account:
            context["account_known"] = facts.account_known
        context["profile"] = _pick(self._profile, facts.profile)
        context["features"] = _pick(self._features, facts.features)
        try:
            result = self._engine.evaluate(_KEY, msgspec.json.encode(context))["result"]
        except (RuntimeError, ValueError) as bad:
            raise BadConfiguration(message_of(bad), rule=_RULE, where=self._label) from bad
        rules = tuple(result["rules"])
        hours = result.get("service_level_h")
        return Decision(
            eligible=result["eligible"],
            action=result["action"],
            queue=result["queue"],
            priority=int(result["priority"]),
            next_best_action=result["next_best_action"],
            rules=rules,
            owner_pool=result.get("owner_pool", ""),
            service_level_h=None if hours is None else float(hours),
            because=self._why[rules[self._why_at]],
        )


def _explanations(graph: Graph) -> tuple[int, dict[str, str]]:
    """At which place of a decision's rules the next best action's stands, and what each says.

    It is what the author says of the row, and the conditions that held.
    """
    tables = [node for node in graph.in_order() or () if node.type == TABLE]
    answer = {
        line.key: line.value.strip()
        for end in graph.of_kind(OUTPUT)
        for node in graph.before(end)
        for line in node.content.expressions
    }
    path = answer["next_best_action"].partition(".")[0]
    at = next(i for i, table in enumerate(tables) if table.content.output_path == path)
    table = tables[at]
    ruled = column(table, "rule")
    return at, {str(cell(row, ruled)): _explanation(table, row) for row in table.content.rules}


def _explanation(table: Node, row: dict[str, str]) -> str:
    description = row.get("_description", "").strip()
    conditions_met = ", ".join(f"{c.name} {text}".strip() for c, text in conditions(table, row))
    if description and conditions_met:
        return f"{description} ({conditions_met})"[:LONGEST_WHY]
    return (description or conditions_met or "no other rule fits")[:LONGEST_WHY]


def probe(decision: bytes, graph: Graph) -> list[PolicyFinding]:
    """What the engine says against the graph when all facts are null, a number, or a text."""
    names = named_facts(graph)
    for value in (None, 1.0, "a"):
        facts = {part: dict.fromkeys(_within(part, names), value) for part in _PARTS}
        plain = {"score": 0.5, "percentile": 50.0, "grade": "B", "account_known": True}
        try:
            _engine(decision).evaluate(_KEY, msgspec.json.encode(plain | facts))
        except Exception as bad:
            what = f"with every attribute and feature {value!r}: {message_of(bad)}"
            return [PolicyFinding(rule=_RULE, where="the decision", what=what)]
    return []


def _engine(decision: bytes) -> zen.ZenEngine:
    # a static loader compiles once; ZenEngine.create_decision compiles at every evaluation
    content = {_KEY: msgspec.json.decode(decision)}
    return zen.ZenEngine({"loader": {"type": "static", "content": content}})


def _within(part: str, names: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(n.split(".")[1] for n in names if n.startswith(f"{part}.")))


def _pick(names: tuple[str, ...], facts: Mapping[str, Fact]) -> dict[str, Fact]:
    return {name: _clean(facts.get(name)) for name in names}


def _clean(value: Fact) -> Fact:
    if value is None:
        return None
    if isinstance(value, str):
        return value[:TEXT].encode("utf-8", "replace").decode() or None
    if -LARGEST <= value <= LARGEST:
        return value
    return None if math.isinf(value) or math.isnan(value) else math.copysign(LARGEST, value)
