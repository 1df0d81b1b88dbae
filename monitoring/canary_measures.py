"""What a canary comparison shows of both versions beside its verdict, with bootstrap intervals."""

from collections.abc import Mapping
from functools import partial
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.measurement import Interval
from measures.bootstrap import Metric, difference
from measures.calibration import brier, log_loss, log_losses
from measures.calibration_error import calibration_error
from measures.ranking import auroc, average_precision, lift_at
from measures.resampling import ResampledMeasure, Resampling
from monitoring.canary_rule import CanaryRule

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

Column = NDArray[np.float64]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of both versions; `difference` is the challenger's less the champion's."""

    name: str
    champion: Interval
    challenger: Interval
    difference: Interval


class ScoredRows(Protocol):
    """Labels, both versions' scores and cluster numbers of matured decisions [n]."""

    @property
    def y(self) -> Column:
        """Labels in {0, 1}."""
        ...

    @property
    def champion(self) -> Column:
        """Probabilities."""
        ...

    @property
    def challenger(self) -> Column:
        """Probabilities."""
        ...

    @property
    def account(self) -> NDArray[np.int64]:
        """Cluster numbers."""
        ...


def compared_measures(rows: ScoredRows, rule: CanaryRule, *, fully: bool) -> tuple[Compared, ...]:
    """Every measure of both versions on the same draws of accounts; without `fully` rankings."""
    drawn = Resampling(rows.account, len(rows.y), seed=rule.seed, draws=rule.draws)
    one, other = (_measures(drawn, rows.y, s) for s in (rows.champion, rows.challenger))
    compared = tuple(
        Compared(
            name=name,
            champion=one[name].interval(rule.level),
            challenger=other[name].interval(rule.level),
            difference=(other[name] - one[name]).interval(rule.level),
        )
        for name in METRICS
        if fully or name in RANKING
    )
    return (*compared, _calibration(rows, rule.level)) if fully else compared


def _measures(drawn: Resampling, y: Column, scores: Column) -> dict[str, ResampledMeasure]:
    return {
        **drawn.ranking(y, scores, (0.1,)),
        "log_loss": drawn.mean(log_losses(y, scores)),
        "brier": drawn.mean((scores - y) ** 2),
    }


def _calibration(rows: ScoredRows, level: float) -> Compared:
    """The calibration errors, whose difference no bootstrap tells."""
    a, b = (
        calibration_error(rows.y, s, rows.account, level=level)
        for s in (rows.champion, rows.challenger)
    )
    return Compared(name="calibration_error", champion=a, challenger=b, difference=difference(a, b))
