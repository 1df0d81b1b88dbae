"""The monitoring report: drift, calibration and lift of recent scores against the reference."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from domain.measurement import Interval
from measures.bootstrap import bootstrap
from measures.calibration_error import calibration_error
from monitoring.canary import METRICS
from monitoring.drift import (
    DRIFTED,
    FEWEST,
    JENSEN_SHANNON,
    WASSERSTEIN,
    Drifted,
    drifts,
    tidied,
)
from monitoring.permutation_test import one_of_each

MAX_ROWS = 5_000
"""Rows of each side that drift is computed on: Evidently's cost grows with rows × columns."""

DRIFT_SHARE = 0.3
"""A larger share of drifted features is called drift of the data set."""

PANELS = 15
"""Columns that the page draws; the JSON has all."""

SCORE, LABEL, GROUP = "score", "label", "account"


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What the report is about."""

    model: str
    home: str
    made: str
    decisions: int
    immature: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The report to act on. `measures` is empty while no decision has matured.

    The rows that drift is told from are one of each company. `drift` is whether more than
    DRIFT_SHARE of the features drifted; `too_few` whether a side has too few rows to tell.
    """

    meta: Meta
    rows_reference: int
    rows_current: int
    sampled: bool
    too_few: bool
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
    `current` has `account` too, the cluster of each row, and the reference may.
    """
    features = [c for c in reference.columns if c not in (SCORE, LABEL, GROUP)]
    once = [side.iloc[list(one_of_each(side, GROUP, seed))] for side in (reference, current)]
    a, b = (tidied(_sample(side, seed), [*features, SCORE]) for side in once)
    *columns, score_drift = drifts(a, b, seed)
    columns.sort(key=lambda d: -d.score)
    share = float(np.mean([d.drifted for d in columns])) if columns else 0.0
    known = current[current[LABEL].notna()]
    summary = Summary(
        meta=meta,
        rows_reference=len(a),
        rows_current=len(b),
        sampled=len(a) < len(once[0]) or len(b) < len(once[1]),
        too_few=min(len(a), len(b)) < FEWEST,
        drift=share > DRIFT_SHARE,
        drift_share=share,
        score_drift=score_drift,
        columns=tuple(columns),
        matured=len(known),
        positives=int(known[LABEL].sum()),
        measures=_measures(known, seed),
    )
    folder.mkdir(parents=True, exist_ok=True)
    a[LABEL], b[LABEL] = reference[LABEL].loc[a.index], current[LABEL].loc[b.index]
    _snapshot(a, b, summary).save_html(str(folder / "report.html"))
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary)))
    return summary


def _sample(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    return frame if len(frame) <= MAX_ROWS else frame.sample(MAX_ROWS, random_state=seed)


def _snapshot(a: pd.DataFrame, b: pd.DataFrame, summary: Summary) -> Any:
    """Evidently's page: what has matured, the score, and the columns that moved most."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    from monitoring.evidently_metrics import Calibration, Heading, Lift

    shown = [d for d in summary.columns if d.method in (WASSERSTEIN, JENSEN_SHANNON)][:PANELS]
    if summary.score_drift.method == WASSERSTEIN:
        shown.insert(0, summary.score_drift)
    names = [d.column for d in shown]
    texts = [d.column for d in shown if d.method == JENSEN_SHANNON]
    numbers = sorted({*names, SCORE} - {*texts})
    schema = DataDefinition(numerical_columns=[*numbers, LABEL], categorical_columns=texts)
    sides = [
        Dataset.from_pandas(side[[*numbers, *texts, LABEL]].reset_index(drop=True), schema)
        for side in (b, a)
    ]
    metrics: list[Any] = [Heading(text=line) for line in _headings(summary)]
    if summary.matured:
        held = {"score": SCORE, "label": LABEL}
        metrics += [Calibration(**held), Lift(**held)]
    metrics += [ValueDrift(column=d.column, method=d.method, threshold=DRIFTED) for d in shown]
    return Report(metrics).run(*sides)


def _headings(s: Summary) -> list[str]:
    sampled = f", a sample of {MAX_ROWS:,} rows a side" if s.sampled else ""
    moved = sum(d.drifted for d in s.columns)
    decided = f"{s.meta.decisions:,} decisions as of {s.meta.made[:16]}"
    counted = (
        f"{moved} of {len(s.columns)} features drifted (distance {DRIFTED:g} or more, and more "
        f"than chance explains{sampled})"
    )
    if s.too_few:
        counted = (
            f"Too few to tell drift: {s.rows_reference:,} companies in the reference and "
            f"{s.rows_current:,} of late, {FEWEST} of each are needed"
        )
    said = [
        f"{s.meta.model}: {decided}, {s.matured:,} matured, {s.positives:,} of them converted",
        f"{counted}; the {PANELS} that moved most are shown below, all are in report.json",
    ]
    if emptied := [d.column for d in s.columns if d.emptied]:
        said.append(f"Values on one side only, a feed that broke or began: {', '.join(emptied)}")
    return said


def _measures(known: pd.DataFrame, seed: int) -> dict[str, Interval]:
    """Every measure of matured decisions, with intervals clustered by account."""
    y = known[LABEL].to_numpy(dtype=np.float64)
    if not len(y) or y.min() == y.max():
        return {}
    scores, groups = known[SCORE].to_numpy(dtype=np.float64), known[GROUP].to_numpy()
    measured = {
        name: bootstrap(metric, y, scores, groups, draws=500, seed=seed)
        for name, metric in METRICS.items()
    }
    return {**measured, "calibration_error": calibration_error(y, scores, groups)}
