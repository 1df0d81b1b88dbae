"""The monitoring report: drift, calibration and lift of recent scores against the reference."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from domain.measurement import Interval
from measures.intervals import bootstrap
from monitoring.canary import METRICS

MAX_ROWS = 5_000
"""Rows of each side that drift is computed on: Evidently's cost grows with rows × columns."""

DRIFT_SHARE = 0.3
"""A larger share of drifted features is called drift of the data set."""

DRIFTED = 0.1
"""A distance from here on is drift: Wasserstein in standard deviations, or Jensen-Shannon. A
p-value would call every difference of a large sample drift."""

SCORE, LABEL, GROUP = "score", "label", "account"


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What the report is about."""

    model: str
    home: str
    made: str
    decisions: int
    immature: int


class Drifted(msgspec.Struct, frozen=True, kw_only=True):
    """One column's drift: the method's score against its threshold."""

    column: str
    method: str
    score: float
    threshold: float
    drifted: bool


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The report to act on. `measures` is empty while no decision has matured.

    `drift` is whether more than DRIFT_SHARE of the features drifted.
    """

    meta: Meta
    rows_reference: int
    rows_current: int
    sampled: bool
    drift: bool
    drift_share: float
    score_drift: Drifted
    columns: tuple[Drifted, ...]
    matured: int
    positives: int
    measures: dict[str, Interval]


def build_report(
    reference: pd.DataFrame, current: pd.DataFrame, meta: Meta, folder: Path, *, seed: int = 7
) -> Summary:
    """Write `report.html` and `report.json` to a folder; returns what the JSON says.

    Both frames hold the named features, `score` and `label`; a `label` of NaN has not matured.
    `current` has `account` too, the cluster of each row.
    """
    features = [c for c in reference.columns if c not in (SCORE, LABEL)]
    a, b = _sample(reference, seed), _sample(current, seed)
    snapshot, columns = _run(a, b, [*_varying(a, b, features), SCORE])
    drifted = [c for c in columns if c.column != SCORE]
    share = float(np.mean([c.drifted for c in drifted])) if drifted else 0.0
    known = current[current[LABEL].notna()]
    summary = Summary(
        meta=meta,
        rows_reference=len(a),
        rows_current=len(b),
        sampled=len(a) < len(reference) or len(b) < len(current),
        drift=share > DRIFT_SHARE,
        drift_share=share,
        score_drift=next(c for c in columns if c.column == SCORE),
        columns=tuple(sorted(drifted, key=lambda c: (not c.drifted, c.column))),
        matured=len(known),
        positives=int(known[LABEL].sum()),
        measures=_measures(known, seed),
    )
    folder.mkdir(parents=True, exist_ok=True)
    snapshot.save_html(str(folder / "report.html"))
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary)))
    return summary


def _sample(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    return frame if len(frame) <= MAX_ROWS else frame.sample(MAX_ROWS, random_state=seed)


def _varying(a: pd.DataFrame, b: pd.DataFrame, features: list[str]) -> list[str]:
    """Features that have some value on both sides, and more than one over both."""
    both = pd.concat([a[features], b[features]])
    return [
        f
        for f in features
        if a[f].notna().any() and b[f].notna().any() and both[f].nunique(dropna=True) > 1
    ]


def _run(a: pd.DataFrame, b: pd.DataFrame, names: list[str]) -> tuple[Any, list[Drifted]]:
    """Evidently's snapshot, and the drift of each column."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import DriftedColumnsCount, ValueDrift

    from monitoring.evidently_metrics import Calibration, Lift

    numbers = [n for n in names if pd.api.types.is_numeric_dtype(a[n])]
    texts = [n for n in names if n not in numbers]
    schema = DataDefinition(numerical_columns=[*numbers, LABEL], categorical_columns=texts)
    sides = [
        Dataset.from_pandas(side[[*names, LABEL]].reset_index(drop=True), schema) for side in (b, a)
    ]
    distances = {
        "num_method": "wasserstein",
        "num_threshold": DRIFTED,
        "cat_method": "jensenshannon",
        "cat_threshold": DRIFTED,
    }
    metrics: list[Any] = [DriftedColumnsCount(columns=names, drift_share=DRIFT_SHARE, **distances)]
    if b[LABEL].notna().any():
        held = {"score": SCORE, "label": LABEL}
        metrics += [Calibration(**held), Lift(**held)]
    for name in (SCORE, *(n for n in names if n != SCORE)):
        method = "wasserstein" if name in numbers else "jensenshannon"
        metrics.append(ValueDrift(column=name, method=method, threshold=DRIFTED))
    snapshot = Report(metrics).run(*sides)
    return snapshot, [d for m in snapshot.dict()["metrics"] if (d := _drifted(m)) is not None]


def _drifted(metric: dict[str, Any]) -> Drifted | None:
    """One column's drift from Evidently's dictionary."""
    config = metric.get("config", {})
    if "ValueDrift" not in str(config.get("type", metric.get("metric_name", ""))):
        return None
    method, threshold = str(config["method"]), float(config["threshold"])
    score = float(metric["value"])
    return Drifted(
        column=str(config["column"]),
        method=method,
        score=score,
        threshold=threshold,
        drifted=score >= threshold,
    )


def _measures(known: pd.DataFrame, seed: int) -> dict[str, Interval]:
    """Every measure of matured decisions, with intervals clustered by account."""
    y = known[LABEL].to_numpy(dtype=np.float64)
    if not len(y) or y.min() == y.max():
        return {}
    scores, groups = known[SCORE].to_numpy(dtype=np.float64), known[GROUP].to_numpy()
    return {
        name: bootstrap(metric, y, scores, groups, draws=500, seed=seed)
        for name, metric in METRICS.items()
    }
