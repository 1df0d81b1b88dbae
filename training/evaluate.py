"""How good a version is on time that it has not seen: measures with intervals, and pictures."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from domain.measurement import Interval
from measures.calibration import brier, expected_calibration_error, log_loss, reliability_curve
from measures.intervals import Metric, bootstrap
from measures.ranking import auroc, average_precision, gains, lift_at, precision_at, recall_at

Array = NDArray[np.float64]

METRICS: Mapping[str, Metric] = {
    "auroc": auroc,
    "average_precision": average_precision,
    "brier": brier,
    "log_loss": log_loss,
    "calibration_error": expected_calibration_error,
    "lift_at_10pct": partial(lift_at, share=0.1),
    "precision_at_10pct": partial(precision_at, share=0.1),
    "recall_at_10pct": partial(recall_at, share=0.1),
}
"""What is measured of every version, by the name under which it is registered."""


def evaluate(
    labels: NDArray[np.int64],
    chance: Array,
    groups: NDArray[np.int64],
    *,
    seed: int,
    draws: int = 500,
) -> dict[str, Interval]:
    """Every metric of probabilities [n] against labels [n], with intervals clustered by group."""
    return {
        name: bootstrap(metric, labels, chance, groups, draws=draws, seed=seed)
        for name, metric in METRICS.items()
    }


def draw(
    labels: NDArray[np.int64], chance: Array, importance: Mapping[str, float], folder: Path
) -> None:
    """Draw the reliability curve, the gains and the importances as PNG files."""
    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    _reliability(labels, chance).savefig(folder / "reliability.png", dpi=110)
    _gains(labels, chance).savefig(folder / "gains.png", dpi=110)
    _importance(importance).savefig(folder / "importance.png", dpi=110)


def _figure(title: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    axes.grid(alpha=0.3)
    return figure, axes


def _reliability(labels: NDArray[np.int64], chance: Array) -> Figure:
    figure, axes = _figure("Calibration on later time")
    curve = reliability_curve(labels, chance, bins=10)
    top = float(max(curve.predicted.max(), curve.observed.max())) * 1.05
    axes.plot([0, top], [0, top], color="grey", linestyle="--", label="perfect")
    axes.plot(curve.predicted, curve.observed, marker="o", label="this version")
    axes.set_xlabel("predicted probability (mean of a tenth of the leads)")
    axes.set_ylabel("observed share that converted")
    axes.legend()
    return figure


def _gains(labels: NDArray[np.int64], chance: Array) -> Figure:
    figure, axes = _figure("Gains: conversions found by working the best leads first")
    curve = gains(labels, chance)
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", label="at random")
    axes.plot(curve.share, curve.captured, label="by score")
    axes.set_xlabel("share of leads worked")
    axes.set_ylabel("share of conversions found")
    axes.legend()
    return figure


def _importance(importance: Mapping[str, float]) -> Figure:
    figure, axes = _figure("Mean absolute contribution, in log-odds")
    best = sorted(importance.items(), key=lambda item: item[1])[-20:]
    axes.barh([name for name, _ in best], [value for _, value in best])
    axes.tick_params(axis="y", labelsize=8)
    return figure
