"""Gates: named rules that a version must pass before it may take a stage.

The rules are data, in a versioned file; what they said, and of which version they were, goes into
the ledger with the promotion. A missing or undefined number never passes unless the rule says so.
"""

import operator
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml

from domain.errors import BadConfiguration
from domain.versions import Manifest, Stage
from registry.entry import GateResult

STANDARD_FILE = Path(__file__).with_name("gates.yaml")

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


class _Rule(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="rule"
):
    name: Name


class AtLeast(_Rule, frozen=True, kw_only=True, tag="at_least"):
    """The count must be `limit` or more."""

    count: Name
    limit: int


class Above(_Rule, frozen=True, kw_only=True, tag="above"):
    """That end of the metric's interval must be greater than `limit`."""

    metric: Name
    limit: float
    end: Literal["value", "low", "high"] = "value"
    absent: Literal["fail", "pass"] = "fail"


class Below(_Rule, frozen=True, kw_only=True, tag="below"):
    """That end of the metric's interval must be less than `limit`."""

    metric: Name
    limit: float
    end: Literal["value", "low", "high"] = "value"
    absent: Literal["fail", "pass"] = "fail"


class NotWorse(_Rule, frozen=True, kw_only=True, tag="not_worse"):
    """The metric's value must reach the champion's interval, widened by `margin`.

    That is: value ≥ champion's low − margin where higher is better, value ≤ champion's high +
    margin where lower is. Without a champion it passes.
    """

    metric: Name
    better: Literal["higher", "lower"]
    margin: Annotated[float, msgspec.Meta(ge=0)] = 0.0


Rule = AtLeast | Above | Below | NotWorse


class GateRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of the gates, by stage."""

    version: Annotated[int, msgspec.Meta(ge=1)]
    challenger: tuple[Rule, ...] = ()
    champion: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        for rules in (self.challenger, self.champion):
            names = [rule.name for rule in rules]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise BadConfiguration(
                    f"gate {twice[0]!r} is defined twice", rule="gate-names-differ"
                )

    def of(self, stage: Stage) -> tuple[Rule, ...]:
        """The rules before a stage: none but for challenger and champion."""
        return {Stage.CHALLENGER: self.challenger, Stage.CHAMPION: self.champion}.get(stage, ())

    @property
    def label(self) -> str:
        """What the ledger says they were: version, and a digest of all that they say."""
        digest = sha256(msgspec.json.encode(self)).hexdigest()[:12]
        return f"gates_v{self.version}-{digest}"


def parse_gates(document: object, where: str) -> GateRules:
    """Rules from a parsed YAML document. Raises BadConfiguration; `where` names it there."""
    try:
        return msgspec.convert(document, GateRules)
    except msgspec.ValidationError as bad:
        raise BadConfiguration(str(bad), rule="gate-rules", where=where) from bad


def load_gates(path: Path = STANDARD_FILE) -> GateRules:
    """Rules from a YAML file; the standard ones by default. Raises BadConfiguration."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as bad:
        raise BadConfiguration(
            "the file of gate rules cannot be read", rule="gate-rules", where=path.name
        ) from bad
    return parse_gates(document, path.name)


def run_gates(
    rules: Sequence[Rule], manifest: Manifest, champion: Manifest | None
) -> list[GateResult]:
    """What each rule says of a version, beside the champion's manifest if there is one."""
    return [_run(rule, manifest, champion) for rule in rules]


def _run(rule: Rule, manifest: Manifest, champion: Manifest | None) -> GateResult:
    match rule:
        case AtLeast():
            return _at_least(rule, manifest)
        case Above():
            return _beyond(rule, manifest)
        case Below():
            return _beyond(rule, manifest)
        case NotWorse():
            return _not_worse(rule, manifest, champion)


def _at_least(rule: AtLeast, manifest: Manifest) -> GateResult:
    count = manifest.counts.get(rule.count)
    if count is None:
        return _absent(rule.name, rule.count, rule.limit, passed=False)
    return GateResult(
        name=rule.name,
        value=float(count),
        limit=float(rule.limit),
        passed=count >= rule.limit,
        note=f"{rule.count} must be at least {rule.limit}",
    )


def _beyond(rule: Above | Below, manifest: Manifest) -> GateResult:
    interval = manifest.metrics.get(rule.metric)
    if interval is None:
        return _absent(rule.name, rule.metric, rule.limit, passed=rule.absent == "pass")
    value = {"value": interval.value, "low": interval.low, "high": interval.high}[rule.end]
    side = "above" if isinstance(rule, Above) else "below"
    compare = operator.gt if isinstance(rule, Above) else operator.lt
    return GateResult(
        name=rule.name,
        value=value,
        limit=rule.limit,
        passed=compare(value, rule.limit),
        note=f"{rule.metric} {interval}: {rule.end} must be {side} {rule.limit:g}",
    )


def _not_worse(rule: NotWorse, manifest: Manifest, champion: Manifest | None) -> GateResult:
    mine = manifest.metrics.get(rule.metric)
    if mine is None:
        return _absent(rule.name, rule.metric, None, passed=False)
    theirs = None if champion is None else champion.metrics.get(rule.metric)
    if theirs is None:
        note = "there is no champion" if champion is None else "the champion has no such metric"
        return GateResult(
            name=rule.name, value=mine.value, limit=None, passed=True, note=f"{rule.metric}: {note}"
        )
    higher = rule.better == "higher"
    limit = theirs.low - rule.margin if higher else theirs.high + rule.margin
    return GateResult(
        name=rule.name,
        value=mine.value,
        limit=limit,
        passed=mine.value >= limit if higher else mine.value <= limit,
        note=f"{rule.metric} {mine}, the champion's {theirs}, margin {rule.margin:g}",
    )


def _absent(name: str, what: str, limit: float | None, *, passed: bool) -> GateResult:
    return GateResult(
        name=name, value=None, limit=limit, passed=passed, note=f"{what} was not measured"
    )
