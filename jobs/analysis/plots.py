"""Plots of frames, by matplotlib: each returns the axes, to be changed or saved."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 30
GRADE_COLOURS = {"A": "#0b6e4f", "B": "#3a86c8", "C": "#c98a1b", "D": "#8d99ae"}
FOR, AGAINST = "#0b6e4f", "#b23a48"
"""Colours that differ in lightness too: for who does not tell green from red."""


def scores_by_grade(leads: pd.DataFrame) -> "Axes":
    """How many leads have which score, stacked by grade; of `Home.leads`."""
    axes = _axes(6.4, 3.2)
    edges = np.linspace(0.0, max(float(leads["score"].max()), 1e-9) if len(leads) else 1.0, BINS)
    grades = [grade for grade in GRADE_COLOURS if (leads["grade"] == grade).any()]
    if grades:
        axes.hist(
            [leads.loc[leads["grade"] == grade, "score"].to_numpy() for grade in grades],
            bins=list(edges),
            stacked=True,
            color=[GRADE_COLOURS[grade] for grade in grades],
            label=[f"grade {grade}" for grade in grades],
        )
        axes.legend(frameon=False)
    axes.set_xlabel("score (calibrated probability)")
    axes.set_ylabel("leads")
    return axes


def contributions(explanation: pd.DataFrame, most: int = 12) -> "Axes":
    """The strongest contributions as bars, in log-odds; of `Home.explain`."""
    top = explanation.head(most).iloc[::-1]
    axes = _axes(6.4, 0.3 * len(top) + 0.8)
    parts = top["contribution"].to_numpy(dtype=float)
    axes.barh(top["feature"].tolist(), parts, color=[FOR if p > 0 else AGAINST for p in parts])
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set_xlabel("contribution (log-odds)")
    return axes


def differences(comparison: pd.DataFrame, title: str) -> "Axes":
    """Differences of measures with their intervals; of `Home.compare`."""
    rows = comparison.iloc[::-1]
    axes = _axes(6.4, 0.3 * len(rows) + 1.0)
    middle = rows["difference"].to_numpy(dtype=float)
    below = middle - rows["difference low"].to_numpy(dtype=float)
    above = rows["difference high"].to_numpy(dtype=float) - middle
    axes.errorbar(
        middle,
        [str(name) for name in rows.index],
        xerr=np.maximum(np.vstack([below, above]), 0.0),
        fmt="o",
        color=GRADE_COLOURS["B"],
        capsize=3,
    )
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set_title(title)
    axes.set_xlabel("difference (95% interval)")
    return axes


@contextmanager
def backend_kept() -> Iterator[None]:
    """Put the notebook's way to show plots back: a report draws to files, and says so for all."""
    from matplotlib import pyplot

    backend = pyplot.get_backend()
    pyplot.switch_backend(backend)  # a notebook's begins to show plots when it is loaded
    try:
        yield
    finally:
        pyplot.switch_backend(backend)


def _axes(width: float, height: float) -> "Axes":
    """New axes of this size, in inches."""
    from matplotlib import pyplot

    _, axes = pyplot.subplots(figsize=(width, height), layout="constrained")
    return axes
