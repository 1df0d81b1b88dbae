"""Canary comparison: champion against challenger on the same matured decisions.

Both scored every decision, one of them unseen, so differences are paired: what the leads have in
common cancels out. The challenger passes where it is shown to be no worse than the champion by
more than a margin (non-inferiority), fails where it is shown to be worse, and else the verdict is
inconclusive.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np

from domain.measurement import Interval
from measures.bootstrap import Metric, bootstrap, difference, paired_bootstrap
from measures.calibration import brier, log_loss
from measures.calibration_error import calibration_error
from measures.ranking import auroc, average_precision, lift_at
from monitoring.canary_target import Learnt, Target
from monitoring.outcomes import OutcomeTable
from storage.typed_yaml import read_typed

STANDARD_FILE = Path(__file__).parent / "canary.yaml"
MetricName = Literal["auroc", "log_loss", "brier", "average_precision"]
CanaryOutcome = Literal["pass", "fail", "inconclusive"]

METRICS: Mapping[str, Metric] = {
    "auroc": auroc,
    "average_precision": average_precision,
    "lift_at_10pct": partial(lift_at, share=0.1),
    "log_loss": log_loss,
    "brier": brier,
}
"""What is shown of both versions, beside their calibration errors."""
RANKING = frozenset({"auroc", "average_precision", "lift_at_10pct"})
"""The measures that look at the order of scores alone, whatever event they are of."""


class Margin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By how much the challenger may be worse on a measure."""

    name: MetricName
    better: Literal["higher", "lower"]
    margin: Annotated[float, msgspec.Meta(ge=0)]


class CanaryRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The versioned rule of a verdict."""

    version: int
    min_matured: Annotated[int, msgspec.Meta(ge=1)]
    min_positives: Annotated[int, msgspec.Meta(ge=1)]
    level: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.95
    draws: Annotated[int, msgspec.Meta(ge=100)] = 1000
    seed: int = 7
    measures: tuple[Margin, ...]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of both versions; `difference` is the challenger's less the champion's."""

    name: str
    champion: Interval
    challenger: Interval
    difference: Interval


class CanaryVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `reasons` says why, a sentence each; `target` which outcome decided."""

    outcome: CanaryOutcome
    reasons: tuple[str, ...]
    champion: str
    challenger: str
    paired: int
    matured: int
    positives: int
    measures: tuple[Compared, ...]
    rule: CanaryRule
    target: str = ""

    @property
    def passed(self) -> bool:
        """Whether the challenger may take over."""
        return self.outcome == "pass"


def load_rule(path: Path = STANDARD_FILE) -> CanaryRule:
    """A rule from its file. Raises BadConfiguration."""
    return read_typed(path, CanaryRule, "canary-rule")


def not_comparable(
    champion: str, challenger: str, one: Learnt, other: Learnt, rule: CanaryRule
) -> CanaryVerdict:
    """The verdict on versions that learnt different things: none can be told."""
    told = f"{champion} tells {one.told}, {challenger} {other.told}"
    if one.outcome == other.outcome:
        told += ": state `--horizon-days` on which both are to be ranked"
    return CanaryVerdict(
        outcome="inconclusive",
        reasons=(told,),
        champion=champion,
        challenger=challenger,
        paired=0,
        matured=0,
        positives=0,
        measures=(),
        rule=rule,
    )


def compare(
    table: OutcomeTable,
    champion: str,
    challenger: str,
    rule: CanaryRule,
    target: Target | None = None,
) -> CanaryVerdict:
    """Compare two versions on the decisions of a table that both of them scored.

    `target` is the outcome that the table tells; where it is not what both learnt, only how they
    rank leads is compared.
    """
    if target is not None and not target.of_both:
        kept = tuple(m for m in rule.measures if m.name in RANKING)
        rule = msgspec.structs.replace(rule, measures=kept)
    a, b = table.scores_of(champion), table.scores_of(challenger)
    both = np.isfinite(a) & np.isfinite(b)
    rows = both & table.matured
    y, groups = table.y[rows].astype(np.float64), table.account[rows]
    compared: tuple[Compared, ...] = ()
    fully = target is None or target.of_both
    short = _too_few(int(rows.sum()), int(y.sum()), rule)
    if not rule.measures:
        short.append("only rankings can be compared, and the rule has no margin on one")
    if not short:
        compared = tuple(
            _compare(name, metric, y, (a[rows], b[rows]), groups, rule)
            for name, metric in METRICS.items()
            if fully or name in RANKING
        )
        if fully:
            compared += (_calibration(y, (a[rows], b[rows]), groups, rule.level),)
    undecided: tuple[CanaryOutcome, list[str]] = ("inconclusive", short)
    outcome, reasons = undecided if short else _judge(compared, rule)
    return CanaryVerdict(
        outcome=outcome,
        reasons=tuple(reasons),
        champion=champion,
        challenger=challenger,
        paired=int(both.sum()),
        matured=int(rows.sum()),
        positives=int(y.sum()),
        measures=compared,
        rule=rule,
        target="" if target is None else target.told,
    )


def _too_few(matured: int, positives: int, rule: CanaryRule) -> list[str]:
    said = []
    if matured < rule.min_matured:
        said.append(f"{matured} matured decisions scored by both, {rule.min_matured} are needed")
    if positives < rule.min_positives:
        said.append(f"{positives} of them positive, {rule.min_positives} are needed")
    return said


def _compare(
    name: str,
    metric: Metric,
    y: np.ndarray,
    scores: tuple[np.ndarray, np.ndarray],
    groups: np.ndarray,
    rule: CanaryRule,
) -> Compared:
    a, b = scores
    one = partial(
        bootstrap, metric, y, groups=groups, draws=rule.draws, seed=rule.seed, level=rule.level
    )
    paired = paired_bootstrap(
        metric, y, a, b, groups, draws=rule.draws, seed=rule.seed, level=rule.level
    )
    return Compared(name=name, champion=one(s=a), challenger=one(s=b), difference=paired)


def _calibration(
    y: np.ndarray, scores: tuple[np.ndarray, np.ndarray], groups: np.ndarray, level: float
) -> Compared:
    """The calibration errors, whose difference no bootstrap tells."""
    a, b = (calibration_error(y, s, groups, level=level) for s in scores)
    return Compared(name="calibration_error", champion=a, challenger=b, difference=difference(a, b))


def _judge(compared: tuple[Compared, ...], rule: CanaryRule) -> tuple[CanaryOutcome, list[str]]:
    by_name = {c.name: c.difference for c in compared}
    verdicts = [_one(by_name[m.name], m) for m in rule.measures]
    outcomes = [outcome for outcome, _ in verdicts]
    worst: CanaryOutcome = "pass"
    if "fail" in outcomes:
        worst = "fail"
    elif "inconclusive" in outcomes:
        worst = "inconclusive"
    return worst, [said for _, said in verdicts]


def _one(difference: Interval, margin: Margin) -> tuple[CanaryOutcome, str]:
    """One measure's verdict: with a sign such that more is worse."""
    sign = 1.0 if margin.better == "lower" else -1.0
    ends = sorted((sign * difference.low, sign * difference.high))
    told = f"{margin.name} differs by {difference.value:+.4f}"
    told += f" ({difference.low:+.4f} to {difference.high:+.4f}), margin {margin.margin:g}"
    if ends[1] < margin.margin:
        return "pass", f"{told}: no worse"
    if ends[0] > 0 and sign * difference.value > margin.margin:
        return "fail", f"{told}: worse"
    return "inconclusive", f"{told}: more outcomes are needed"
