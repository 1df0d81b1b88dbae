"""Charts as PNG files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from training.report.charts import Chart, ChartLine

BLUE, GREY = "#1f5fa8", "#8a8f98"
OTHERS = ("#d1742a", "#3b8f5a", "#8b5aa8", "#b0413e")


def write_png(charts: Iterable[Chart], folder: Path) -> None:
    """A file for each chart, by its name."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(mpl.rcParamsDefault):  # whatever style others left behind
        mpl.use("Agg")
        for chart in charts:
            _figure(chart).savefig(folder / f"{chart.name}.png", dpi=110, bbox_inches="tight")


def _figure(chart: Chart) -> Figure:
    bars = chart.kind == "bars"
    rows = len(chart.lines[0].x) if bars else 0
    figure = Figure(figsize=(7.0, max(2.4, 0.8 + 0.28 * rows) if bars else 4.8))
    axes = figure.subplots()
    axes.set_title(chart.title, fontsize=11, loc="left")
    axes.set_xlabel(chart.x)
    axes.set_ylabel(chart.y)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    colours = iter(OTHERS)
    for line in chart.lines:
        colour = GREY if line.reference else BLUE
        if not line.reference and line.name != "this version" and not bars:
            colour = next(colours, GREY)
        (_bars if bars else _line)(axes, chart, line, colour)
    for axis in ("x", "y"):
        if axis in chart.percent:
            getattr(axes, f"{axis}axis").set_major_formatter(PercentFormatter(1.0))
    if chart.kind == "points":
        axes.margins(x=0.12)
    if not bars:
        axes.legend(frameon=False)
    return figure


def _line(axes: Any, chart: Chart, line: ChartLine, colour: str) -> None:
    points = chart.kind == "points" and not line.reference
    style = "--" if line.reference else "none" if points else "-"
    few = len(line.low) and len(line.x) <= 20
    marker = "o" if points or few else ""
    axes.plot(line.x, line.y, label=line.name, color=colour, linestyle=style, marker=marker)
    if few:
        axes.errorbar(line.x, line.y, yerr=_off(line), fmt="none", ecolor=colour, capsize=3)
    elif len(line.low):
        axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.15, linewidth=0)


def _bars(axes: Any, chart: Chart, line: ChartLine, colour: str) -> None:
    del chart
    if len(line.low):
        axes.errorbar(line.y, line.x, xerr=_off(line), fmt="o", color=colour, capsize=3)
        axes.margins(y=0.2)
    else:
        axes.barh(line.x, line.y, color=colour)
    axes.tick_params(axis="y", labelsize=9)
    axes.invert_yaxis()


def _off(line: ChartLine) -> tuple[list[float], list[float]]:
    """How far the bounds lie from the points, which they may just miss by rounding."""
    below = [max(y - low, 0.0) for y, low in zip(line.y, line.low, strict=True)]
    return below, [max(high - y, 0.0) for y, high in zip(line.y, line.high, strict=True)]
