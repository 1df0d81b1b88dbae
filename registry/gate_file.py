"""The gates' file, read and checked: what a gate refers to must be measured.

A gate on a metric that no version has would, with `absent: pass`, never refuse.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from domain.errors import BadConfiguration
from domain.versions.manifest import Stage, VersionKind
from domain.versions.measured import COUNTS, DIFFERENCES, METRICS, better
from registry.gates import (
    PROVEN,
    AtLeast,
    AtMost,
    GateRule,
    GateRules,
    NotWorse,
    StageRules,
    Unbeaten,
)
from storage.nearest_names import nearest
from storage.typed_yaml import YamlFile

STANDARD_FILE = Path(__file__).with_name("gates.yaml")
RULE = "gate-rules"
_STAGES = (Stage.CHALLENGER, Stage.CHAMPION)


class NamedGate(NamedTuple):
    """A gate, the key where it stands, such as `$.champion[3]`, and of which kind of version."""

    rule: GateRule
    key: str
    kind: VersionKind


def load_gates(path: Path = STANDARD_FILE) -> GateRules:
    """Rules from a YAML file; the standard ones by default. Raises BadConfiguration."""
    file = YamlFile(path, RULE)
    rules = file.to(GateRules)
    try:
        check_gates(rules)
    except BadConfiguration as bad:
        file.locate(bad)
        raise
    return rules


def check_gates(rules: GateRules) -> None:
    """Raise BadConfiguration, with a key, where gates cannot be meant so.

    A stage without gates, two gates of one name in a stage, a metric, count or baseline that no
    version has, and a metric that is said to be better the wrong way round.
    """
    sections: tuple[tuple[StageRules, str, VersionKind], ...] = (
        (rules, "", "model"),
        (rules.policy, "policy.", "policy"),
        (rules.workflow or PROVEN, "workflow.", "workflow"),
    )
    for stages, prefix, kind in sections:
        for stage in _STAGES:
            place = f"{prefix}{stage}"
            gates = [
                NamedGate(rule, f"$.{place}[{i}]", kind) for i, rule in enumerate(stages.of(stage))
            ]
            _require_some(gates, place)
            _refuse_repeated(gates)
            for gate in gates:
                _check_references(gate)


def _require_some(gates: list[NamedGate], place: str) -> None:
    if not gates:
        raise BadConfiguration(
            f"{place} has no gates.",
            rule=RULE,
            key=f"$.{place}",
            todo="Give it at least one gate; the product's own gates.yaml has some to "
            "begin from. A single promotion passes with --override and a reason.",
        )


def _refuse_repeated(gates: list[NamedGate]) -> None:
    names: set[str] = set()
    for gate in gates:
        if gate.rule.name in names:
            raise BadConfiguration(
                f"gate {gate.rule.name!r} is defined twice",
                rule="gate-names-differ",
                key=f"{gate.key}.name",
                todo="Rename one, or leave it out.",
            )
        names.add(gate.rule.name)


def _check_references(gate: NamedGate) -> None:
    metrics = METRICS if gate.kind == "model" else frozenset[str]()
    match gate.rule:
        case AtLeast() | AtMost() as rule:
            _require(gate, "count", "count", rule.count, COUNTS[gate.kind])
        case Unbeaten() as rule:
            _check_unbeaten(gate, rule, metrics)
        case rule:
            _require(gate, "metric", "metric", rule.metric, metrics)
            if isinstance(rule, NotWorse):
                _check_direction(gate, "better", rule.metric, rule.better)


def _check_unbeaten(gate: NamedGate, rule: Unbeaten, metrics: frozenset[str]) -> None:
    for i, baseline in enumerate(rule.baselines):
        _require(gate, f"baselines[{i}]", "baseline", baseline, frozenset(DIFFERENCES))
    for field, name in _differences(rule):
        _require(gate, field, "difference to a baseline", name, metrics)
        _check_direction(gate, field, name, field)
    if not rule.higher and not rule.lower:
        raise BadConfiguration(
            f"gate {rule.name!r} compares nothing: neither `higher` nor `lower` names a metric",
            rule=RULE,
            key=gate.key,
            todo="Name a metric, such as `higher: [auroc]`.",
        )


def _differences(rule: Unbeaten) -> Iterator[tuple[str, str]]:
    """The metrics that it looks at, with the field that says which way they are better."""
    for name, is_higher in rule.differences():
        yield "higher" if is_higher else "lower", name


def _require(gate: NamedGate, field: str, what: str, name: str, known: frozenset[str]) -> None:
    if name not in known:
        raise BadConfiguration(
            f"gate {gate.rule.name!r} refers to an unknown {what}, {name!r}",
            rule=RULE,
            key=f"{gate.key}.{field}",
            todo=nearest(name, known),
        )


def _check_direction(gate: NamedGate, field: str, metric: str, stated: str) -> None:
    """The direction that is stated for a metric must be its own."""
    right = better(metric)
    if stated != right:
        raise BadConfiguration(
            f"gate {gate.rule.name!r} takes {metric!r} to be better {stated}",
            rule=RULE,
            key=f"{gate.key}.{field}",
            todo=f"It is better {right}." if right else "It is best at 1: use above and below.",
        )
