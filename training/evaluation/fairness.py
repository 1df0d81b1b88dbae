"""Whether a version treats groups of leads alike: who is selected, who is found, who is told true.

Selected are the leads whose probability reaches a threshold, or the best share of all. Of each
group: the share selected, the share of its converts that were selected, and by how much its mean
probability exceeds its rate of conversion. Of each audited feature: the greatest difference
between two groups of the first two, the greatest distance from 0 of the third.

The greatest of many differences is above 0 by chance alone. So its interval rests on intervals
that hold for all differences together (the greatest studentised one, by the cluster bootstrap),
and, of several features, for all of these: its low end is above 0 where some group is shown to be
treated otherwise.

Groups of the kind `arm` were treated otherwise on purpose. Of them the rates of conversion and
what each adds to the first are shown; they are in no metric, and so before no gate.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.measurement import Interval
from domain.versions.measured import FAIRNESS_MEASURES
from measures.calibration_error import calibration_error
from measures.resampling import ResampledMeasure, Resampling, share_of
from training.config import Audit, Fairness
from training.data.audit_groups import groups_of
from training.data.dataset import Dataset
from training.evaluation.results import defined

Array = NDArray[np.float64]
FAIRNESS_FILE = "fairness.json"
BINS = 5
CONVERTS = 10
"""Converts below which a group's share of them that was found is not judged."""

MEASURES = FAIRNESS_MEASURES


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One group. `found` is the share of its converts that is selected (true-positive rate).

    `calibration` is the mean probability less the rate of conversion, `error` the calibration
    error; `rate` the rate of conversion, and `over` by how much it exceeds that of the largest
    group (None: it is that one). `judged` says which measures had rows enough to be compared.
    None is not defined.
    """

    name: str
    rows: int
    positives: int
    selection: Interval | None
    found: Interval | None
    calibration: Interval | None
    error: Interval | None
    judged: tuple[str, ...]
    rate: Interval | None = None
    over: Interval | None = None


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """One feature: its groups, and the greatest difference by measure."""

    feature: str
    groups: tuple[Group, ...]
    gaps: dict[str, Interval]
    note: str = ""
    kind: Literal["protected", "arm"] = "protected"


class FairnessReport(msgspec.Struct, frozen=True, kw_only=True):
    """The audit. `threshold` is the least probability selected, `share` that of all selected."""

    threshold: float
    share: float
    min_rows: int
    features: tuple[Audited, ...]

    def metrics(self) -> dict[str, Interval]:
        """Of each measure the gap of the protected feature that is shown to have the greatest."""
        gaps_by_name: dict[str, list[Interval]] = {}
        for one in (f for f in self.features if f.kind == "protected"):
            for name, gap in one.gaps.items():
                gaps_by_name.setdefault(f"fairness_{name}_gap", []).append(gap)
        return {
            name: max(gaps, key=lambda g: (g.low, g.value)) for name, gaps in gaps_by_name.items()
        }


def audit(
    config: Fairness, test: Dataset, chance: Array, *, seed: int, draws: int = 500
) -> FairnessReport:
    """Audit probabilities [n] of a test by the features that it holds aside."""
    least = threshold(config, chance, test.weights)
    selected = (chance >= least).astype(np.float64)
    drawn = Resampling(test.groups, len(test), seed=seed, draws=draws, w=test.weights)
    level = 1 - 0.05 / max(sum(one.kind == "protected" for one in config.groups), 1)
    audited = []
    for one in config.groups:
        if one.feature not in test.aside:
            note = "there is no feature of that name"
            audited.append(
                Audited(feature=one.feature, groups=(), gaps={}, note=note, kind=one.kind)
            )
            continue
        names = groups_of(test.aside[one.feature], one.bins)
        audited.append(
            _audited(one, names, (test, chance, selected), drawn, config.min_rows, level)
        )
    return FairnessReport(
        threshold=least,
        share=drawn.mean(selected).value,
        min_rows=config.min_rows,
        features=tuple(audited),
    )


def threshold(config: Fairness, chance: Array, w: Array) -> float:
    """The least probability that is selected: as asked, or that of the best share by weight."""
    if config.threshold is not None:
        return config.threshold
    order = np.argsort(-chance, kind="stable")
    selected = np.cumsum(w[order])
    last = min(int(np.searchsorted(selected, config.top_share * selected[-1])), len(chance) - 1)
    return float(chance[order][last])


def _audited(
    one: Audit,
    names: NDArray[np.object_],
    rows: tuple[Dataset, Array, Array],
    drawn: Resampling,
    min_rows: int,
    level: float,
) -> Audited:
    test, chance, selected = rows
    names_of_groups = sorted(set(names.tolist()))
    inside = np.stack([names == name for name in names_of_groups], axis=1).astype(np.float64)
    labels = test.labels.astype(np.float64)[:, None]
    measured = {
        "selection": drawn.ratios(inside * selected[:, None], inside),
        "found": drawn.ratios(inside * labels * selected[:, None], inside * labels),
        "calibration": drawn.ratios(inside * (chance[:, None] - labels), inside),
    }
    sizes = drawn.effective(inside), drawn.effective(inside * labels)
    points = _points(labels[:, 0], selected, names, test.weights)
    rates = drawn.ratios(inside * labels, inside)
    first = int(np.argmax(inside.sum(axis=0)))
    groups = []
    for i, name in enumerate(names_of_groups):
        mine = inside[:, i] > 0
        size, converts = int(mine.sum()), int(test.labels[mine].sum())
        judged = _judged(size, converts, min_rows)
        groups.append(
            Group(
                name=name,
                rows=size,
                positives=converts,
                selection=_about(points["selection"][name], measured["selection"][i], sizes[0][i]),
                found=_about(points["found"][name], measured["found"][i], sizes[1][i]),
                calibration=defined(measured["calibration"][i].interval()),
                error=defined(_error(test, chance, mine)),
                judged=judged,
                rate=defined(share_of(rates[i], sizes[0][i])),
                over=None if i == first else defined((rates[i] - rates[first]).interval()),
            )
        )
    gaps = _gaps(groups, measured, level)
    return Audited(feature=one.feature, groups=tuple(groups), gaps=gaps, kind=one.kind)


def _error(test: Dataset, chance: Array, mine: NDArray[np.bool_]) -> Interval:
    labels, weights = test.labels[mine], test.weights[mine]
    return calibration_error(labels, chance[mine], test.groups[mine], weights, bins=BINS)


def _points(
    labels: Array, selected: Array, names: NDArray[np.object_], w: Array
) -> dict[str, dict[str, float]]:
    """Fairlearn's selection and true-positive rates by group."""
    from fairlearn.metrics import MetricFrame, selection_rate, true_positive_rate

    frame = MetricFrame(
        metrics={"selection": selection_rate, "found": true_positive_rate},
        y_true=labels,
        y_pred=selected,
        sensitive_features=names.astype(str),
        sample_params={name: {"sample_weight": w} for name in ("selection", "found")},
    )
    by_group = frame.by_group
    return {column: {str(k): float(v) for k, v in by_group[column].items()} for column in by_group}


def _about(point: float, drawn: ResampledMeasure, size: float) -> Interval | None:
    """The interval of the draws about a share that fairlearn counted; None of no rows."""
    return defined(msgspec.structs.replace(share_of(drawn, size), value=point)) if size else None


def _judged(rows: int, converts: int, min_rows: int) -> tuple[str, ...]:
    if rows < min_rows:
        return ()
    return MEASURES if converts >= CONVERTS else ("selection", "calibration")


def _gaps(
    groups: Sequence[Group], measured: Mapping[str, Sequence[ResampledMeasure]], level: float
) -> dict[str, Interval]:
    gaps = {}
    for name in MEASURES:
        mine = [d for d, g in zip(measured[name], groups, strict=True) if name in g.judged]
        compared = mine if name == "calibration" else [a - b for a, b in combinations(mine, 2)]
        if compared:
            gaps[name] = greatest(compared, level)
    return gaps


def greatest(compared: Sequence[ResampledMeasure], level: float) -> Interval:
    """The greatest absolute value among some differences, with an interval for all together.

    All are differences of shares, at most 1. Each lies within its value ± c standard errors,
    where c is that quantile of the greatest studentised distance over the draws: so the greatest
    lies between the greatest of these low ends and the greatest of these high ends.
    """
    values = np.array([one.value for one in compared])
    off = np.stack([one.draws - one.value for one in compared], axis=1)
    off = off[~np.isnan(off).any(axis=1)]
    size = np.abs(values)
    if len(off) < 2:
        return Interval(value=float(size.max()), low=np.nan, high=np.nan, level=level)
    errors = off.std(axis=0, ddof=1)
    scaled = np.divide(np.abs(off), errors, out=np.zeros_like(off), where=errors > 0)
    wide = float(np.quantile(scaled.max(axis=1), level)) * errors
    return Interval(
        value=float(size.max()),
        low=float(max((size - wide).max(), 0.0)),
        high=float(min((size + wide).max(), 1.0)),
        level=level,
    )
