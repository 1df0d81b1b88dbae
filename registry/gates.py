"""Gates: named rules that a version must pass before it may take a stage.

The rules are data, in a versioned file; what they said, and of which version they were, goes into
the ledger with the promotion. A missing or undefined number never passes unless the rule says so.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Literal

import msgspec

from domain.measurement import together
from domain.versions.manifest import Sealed, Stage, VersionKind
from registry.ledger_entry import GateResult
from storage.config_numbers import Count, FileVersion, Magnitude

GateName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]

MetricLimit = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]


class _Rule(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="rule"
):
    name: GateName


class AtLeast(_Rule, frozen=True, kw_only=True, tag="at_least"):
    """The count must be `limit` or more."""

    count: GateName
    limit: Count


class AtMost(_Rule, frozen=True, kw_only=True, tag="at_most"):
    """The count must be `limit` or less.

    `may_be_stated`: who promotes may state a higher limit, which the ledger then holds.
    """

    count: GateName
    limit: Count
    absent: Literal["fail", "pass"] = "fail"
    may_be_stated: bool = False

    def at(self, stated: Mapping[str, int]) -> "AtMost":
        """The rule with the limit that was stated, where one may be."""
        limit = stated.get(self.count) if self.may_be_stated else None
        return self if limit is None else msgspec.structs.replace(self, limit=limit)


class Above(_Rule, frozen=True, kw_only=True, tag="above"):
    """That end of the metric's interval must be greater than `limit`."""

    metric: GateName
    limit: MetricLimit
    end: Literal["value", "low", "high"] = "value"
    absent: Literal["fail", "pass"] = "fail"


class Below(_Rule, frozen=True, kw_only=True, tag="below"):
    """That end of the metric's interval must be less than `limit`."""

    metric: GateName
    limit: MetricLimit
    end: Literal["value", "low", "high"] = "value"
    absent: Literal["fail", "pass"] = "fail"


class NotWorse(_Rule, frozen=True, kw_only=True, tag="not_worse"):
    """The metric's value must reach the champion's interval, widened by `margin`.

    That is: value ≥ champion's low − margin where higher is better, value ≤ champion's high +
    margin where lower is. Without a champion it passes.
    """

    metric: GateName
    better: Literal["higher", "lower"]
    margin: Magnitude = 0.0


class Unbeaten(_Rule, frozen=True, kw_only=True, tag="unbeaten"):
    """No baseline may be shown to be better: by a paired difference wholly on its side.

    The differences are the metrics `auroc_over_scorecard` and so on, the version's less the
    baseline's; those in `lower` are better where they are lower. Intervals are widened so that the
    chance that any shows a baseline to be better where none is is 5% for all of them together
    (`domain.measurement.together`). Those that were not measured, as of a baseline that could not
    be made, are passed over; without any the gate fails, unless `absent` is `pass`.
    """

    baselines: Annotated[tuple[GateName, ...], msgspec.Meta(min_length=1)]
    higher: tuple[GateName, ...] = ()
    lower: tuple[GateName, ...] = ()
    absent: Literal["fail", "pass"] = "fail"

    def differences(self) -> Iterator[tuple[GateName, bool]]:
        """Names of metrics, and whether they are better higher."""
        for baseline in self.baselines:
            for names, better_higher in ((self.higher, True), (self.lower, False)):
                yield from ((f"{name}_over_{baseline}", better_higher) for name in names)


GateRule = AtLeast | AtMost | Above | Below | NotWorse | Unbeaten


class StageRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules before each stage that has some."""

    challenger: tuple[GateRule, ...] = ()
    champion: tuple[GateRule, ...] = ()

    def of(self, stage: Stage) -> tuple[GateRule, ...]:
        """The rules before a stage: none but for challenger and champion."""
        return {Stage.CHALLENGER: self.challenger, Stage.CHAMPION: self.champion}.get(stage, ())


_PROVEN = AtMost(name="checks_pass", count="findings", limit=0)
PROVEN = StageRules(challenger=(_PROVEN,), champion=(_PROVEN,))
"""The gates of workflows where a file names none."""


class GateRules(StageRules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of the gates: of models by stage, of policies, and of workflows.

    A file that says nothing of workflows asks of them that they are proven.
    `second_approver`: a promotion to champion is a request, which another person completes.
    """

    version: FileVersion
    policy: StageRules = StageRules()
    workflow: StageRules | None = None
    second_approver: bool = False

    def before(self, stage: Stage, kind: VersionKind) -> tuple[GateRule, ...]:
        """The rules before a stage of a version of a kind."""
        of_kind = {"model": self, "policy": self.policy, "workflow": self.workflow or PROVEN}
        return of_kind[kind].of(stage)

    @property
    def label(self) -> str:
        """The name of these rules in the ledger: version, and a digest of their content."""
        digest = sha256(msgspec.json.encode(self)).hexdigest()[:12]
        return f"gates_v{self.version}-{digest}"


def run_gates(
    rules: Sequence[GateRule],
    manifest: Sealed,
    champion: Sealed | None,
    stated: Mapping[str, int] | None = None,
) -> list[GateResult]:
    """The result of each rule for a version, beside the champion's manifest if there is one.

    `stated` are limits that the promoter states, by count.
    """
    limits = stated or {}
    stated_rules = (rule.at(limits) if isinstance(rule, AtMost) else rule for rule in rules)
    return [_run(rule, manifest, champion) for rule in stated_rules]


def _run(rule: GateRule, manifest: Sealed, champion: Sealed | None) -> GateResult:
    match rule:
        case AtLeast():
            return _counted(rule, manifest, "at least", operator.ge)
        case AtMost():
            return _counted(rule, manifest, "at most", operator.le)
        case Above():
            return _beyond(rule, manifest)
        case Below():
            return _beyond(rule, manifest)
        case NotWorse():
            return _not_worse(rule, manifest, champion)
        case Unbeaten():
            return _unbeaten(rule, manifest)


def _counted(
    rule: AtLeast | AtMost, manifest: Sealed, side: str, compare: Callable[[int, int], bool]
) -> GateResult:
    count = manifest.counts.get(rule.count)
    if count is None:
        passes = isinstance(rule, AtMost) and rule.absent == "pass"
        return _absent(rule.name, rule.count, rule.limit, passed=passes)
    return GateResult(
        name=rule.name,
        value=float(count),
        limit=float(rule.limit),
        passed=compare(count, rule.limit),
        note=f"{rule.count} must be {side} {rule.limit:,}",
    )


def _beyond(rule: Above | Below, manifest: Sealed) -> GateResult:
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


def _not_worse(rule: NotWorse, manifest: Sealed, champion: Sealed | None) -> GateResult:
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


def _unbeaten(rule: Unbeaten, manifest: Sealed) -> GateResult:
    """The difference that is furthest for the worse is the value, whether shown or not."""
    measured = [one for one in rule.differences() if one[0] in manifest.metrics]
    if not measured:
        what = "the difference to a baseline"
        return _absent(rule.name, what, None, passed=rule.absent == "pass")
    wide = together([manifest.metrics[name] for name, _ in measured])
    differences = [
        (name, over, over.high if better_higher else -over.low)
        for (name, better_higher), over in zip(measured, wide, strict=True)
    ]
    shown = [f"{name} {over}" for name, over, best_case in differences if best_case < 0]
    name, over, _ = min(differences, key=lambda one: one[2])
    note = ", ".join(shown) if shown else f"nearest is {name} {over}"
    return GateResult(
        name=rule.name,
        value=over.value,
        limit=0.0,
        passed=not shown,
        note=f"no baseline may be shown to be better, of {len(differences)} differences: {note}",
    )


def _absent(name: str, what: str, limit: float | None, *, passed: bool) -> GateResult:
    return GateResult(
        name=name, value=None, limit=limit, passed=passed, note=f"{what} was not measured"
    )
