"""A policy whose decision model zen-engine evaluates."""

import math
from collections.abc import Mapping
from hashlib import blake2b

import msgspec
import zen

from decisions.expressions.cost import LARGEST, TEXT
from decisions.policy.expression_checks import named_facts, said
from decisions.policy.jdm import Graph
from decisions.policy.lint import PolicyFinding
from domain.decisions import Facts
from domain.errors import BadConfiguration
from domain.scores import Decision

Fact = float | str | bool | None

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
            held = self._engine.evaluate(_KEY, msgspec.json.encode(context))["result"]
        except (RuntimeError, ValueError) as bad:
            raise BadConfiguration(said(bad), rule=_RULE, where=self._label) from bad
        return Decision(
            eligible=held["eligible"],
            action=held["action"],
            queue=held["queue"],
            priority=int(held["priority"]),
            next_best_action=held["next_best_action"],
            rules=tuple(held["rules"]),
        )


def probe(decision: bytes, graph: Graph) -> list[PolicyFinding]:
    """What the engine says against the graph when all facts are null, a number, or a text."""
    names = named_facts(graph)
    for value in (None, 1.0, "a"):
        facts = {part: dict.fromkeys(_within(part, names), value) for part in _PARTS}
        plain = {"score": 0.5, "percentile": 50.0, "grade": "B", "account_known": True}
        try:
            _engine(decision).evaluate(_KEY, msgspec.json.encode(plain | facts))
        except Exception as bad:
            what = f"with every attribute and feature {value!r}: {said(bad)}"
            return [PolicyFinding(rule=_RULE, where="the decision", what=what)]
    return []


def _engine(decision: bytes) -> zen.ZenEngine:
    # a static loader compiles once; ZenEngine.create_decision compiles at every evaluation
    content = {_KEY: msgspec.json.decode(decision)}
    return zen.ZenEngine({"loader": {"type": "static", "content": content}})


def _within(part: str, names: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(n.split(".")[1] for n in names if n.startswith(f"{part}.")))


def _pick(names: tuple[str, ...], held: Mapping[str, Fact]) -> dict[str, Fact]:
    return {name: _clean(held.get(name)) for name in names}


def _clean(value: Fact) -> Fact:
    if value is None:
        return None
    if isinstance(value, str):
        return value[:TEXT].encode("utf-8", "replace").decode() or None
    if -LARGEST <= value <= LARGEST:
        return value
    return None if math.isinf(value) or math.isnan(value) else math.copysign(LARGEST, value)
