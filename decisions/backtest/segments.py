"""Parts of the leads by which a backtest is told: grade, queue, an attribute, a policy's name."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import zen

from decisions.backtest.replay import ReroutedDecision
from decisions.policy.expression_checks import names
from decisions.policy.jdm import EXPRESSION, read_graph
from decisions.policy.policy import PolicyFile
from domain.decisions import Facts
from domain.errors import BadInput

SegmentOf = Callable[[ReroutedDecision], str]
DEFAULT = ("grade", "queue")
UNKNOWN_VALUE = "unknown"
MOST_VALUES = 100_000
"""Different values of an expression's names that are remembered."""

_ANSWERS: dict[str, SegmentOf] = {
    "grade": lambda one: one.was_grade,
    "queue": lambda one: one.was.queue,
    "action": lambda one: one.was.action,
    "model": lambda one: one.record.answer.versions.model,
    "account_known": lambda one: "yes" if one.facts.account_known else "no",
}


def segments_of(
    by: Sequence[str], policies: Sequence[Path], attributes: Sequence[str]
) -> list[SegmentOf]:
    """What names the segment of a decision, for each of `by`.

    `grade`, `queue` and `action` are those before; `attributes` are known of the records; other
    names are those that expressions of the policies' files give a value, as `region`; of two the
    last. Raises BadInput.
    """
    keys = {key: text for policy in policies for key, text in _expressions(policy).items()}
    return [_one(name, keys, attributes) for name in by]


def _one(name: str, keys: dict[str, str], attributes: Sequence[str]) -> SegmentOf:
    if name in _ANSWERS:
        return _ANSWERS[name]
    if name in attributes:
        return lambda one: _named(one.facts.profile.get(name, one.facts.features.get(name)))
    if name in keys:
        return _Expression(keys[name])
    known = sorted({*_ANSWERS, *attributes, *keys})
    raise BadInput(
        f"there is no {name!r} to tell decisions apart by",
        rule="segment-known",
        where="--by",
        todo=f"Name one of {', '.join(known)}.",
    )


def _named(value: object) -> str:
    """A text itself, a number's order of magnitude."""
    if value is None or value == "":
        return UNKNOWN_VALUE
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return str(value)[:64]
    if not math.isfinite(value):
        return UNKNOWN_VALUE
    if value < 1:
        return "below 1"
    begins = 10 ** math.floor(math.log10(value))
    return f"{begins:,} to below {10 * begins:,}"


def _expressions(policy: Path) -> dict[str, str]:
    """The expressions of a policy that read the facts alone, by the name that they give."""
    file = msgspec.json.decode(policy.read_bytes(), type=PolicyFile)
    lines = [
        line
        for node in read_graph(bytes(file.decision)).of_kind(EXPRESSION)
        for line in node.content.expressions
    ]
    return {
        line.key: line.value
        for line in lines
        if names(line.value)
        and all(name.startswith(("profile.", "features.")) for name in names(line.value))
    }


class _Expression:
    """The value that an expression of a policy has on facts."""

    def __init__(self, text: str) -> None:
        self._compiled = zen.compile_expression(text)
        self._names = sorted(names(text))
        self._known: dict[tuple[object, ...], str] = {}

    def __call__(self, one: ReroutedDecision) -> str:
        values = tuple(_fact(one.facts, name) for name in self._names)
        if values not in self._known:
            if len(self._known) >= MOST_VALUES:
                self._known.clear()
            self._known[values] = self._evaluated(values)
        return self._known[values]

    def _evaluated(self, values: tuple[object, ...]) -> str:
        context: dict[str, dict[str, object]] = {"profile": {}, "features": {}}
        for name, value in zip(self._names, values, strict=True):
            part, _, fact = name.partition(".")
            context[part][fact] = value
        try:
            return _named(self._compiled.evaluate(context))
        except RuntimeError:
            return UNKNOWN_VALUE


def _fact(facts: Facts, name: str) -> object:
    part, _, fact = name.partition(".")
    value = (facts.profile if part == "profile" else facts.features).get(fact)
    return None if value == "" or value != value else value  # noqa: PLR0124 (NaN)
