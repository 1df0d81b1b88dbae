"""Tables and curves of the page, as Evidently metrics that draw what lies beside the report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from evidently import Dataset
from evidently.core.metric_types import SingleValueCalculation, SingleValueMetric
from evidently.core.report import Context
from evidently.legacy.renderers.html_widgets import (
    WidgetSize,
    header_text,
    plotly_figure,
    table_data,
    text_widget,
)

from measures.calibration import reliability_curve
from measures.ranking import gains, lift_at, precision_at, recall_at
from monitoring.reports.figure import ALL, Figure, FigureStatus
from monitoring.reports.outcome_figures import MaturedRows
from monitoring.reports.summary import Summary

SHARES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5)
POINTS = 200
"""Points of a curve that are drawn, of any number of decisions."""

VERDICT, LOOK_AT, ABOUT, CAUSES, MOVES = "verdict", "look at", "about", "causes", "moves"
RELIABILITY, GAINS, TOPS, GROUPS = "reliability", "gains", "tops", "groups"
WELL = {FigureStatus.GOOD: "", FigureStatus.WATCH: "watch", FigureStatus.BAD: "bad"}
TABLED = {
    "DecisionCount": ("decisions", ",.0f"),
    "ConversionRate": ("converted", ".1%"),
    "ConversionsByPrediction": ("by prediction", ".2f"),
    "CalibrationError": ("calibration error", ".3f"),
    "TopTenthLift": ("lift of the best tenth", ".2f"),
    "FreshestHours": ("freshest, hours", ".1f"),
    "DegradedShare": ("degraded", ".1%"),
}


class Section(SingleValueMetric):  # type: ignore[misc]
    """A part of the page; its value is how many rows it has."""

    name: str


class SectionCalculation(SingleValueCalculation[Section]):  # type: ignore[misc]
    """Draws a section from the data set of its name."""

    def calculate(
        self, context: Context, current_data: Dataset, reference_data: Dataset | None
    ) -> Any:
        """Evidently's hook."""
        del current_data, reference_data
        frame = context.additional_data[self.metric.name].as_dataframe()
        result = self.result(len(frame))
        result.widget = _DRAWN.get(self.metric.name, _table)(self.metric.name, frame)
        return result

    def display_name(self) -> str:
        """Evidently's hook."""
        return f"rows of the section {self.metric.name}"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Matured decisions of the report's time, and of the reference, where it has labels."""

    now: MaturedRows
    reference: MaturedRows | None


def sections_of(summary: Summary, outcomes: Outcomes) -> dict[str, pd.DataFrame]:
    """The data sets of all sections that the page has, in its order; each has a row or more."""
    frames = {
        VERDICT: pd.DataFrame({"verdict": [summary.verdict]}),
        LOOK_AT: pd.DataFrame(
            [(f.subject, f.finding, f.todo) for f in summary.look_at],
            columns=["what", "what was found", "what to do"],
        ),
        ABOUT: pd.DataFrame({"about": list(_about(summary))}),
        CAUSES: pd.DataFrame(
            [(str(c.kind), c.about, c.text, c.action) for c in summary.causes],
            columns=["cause", "of", "what was found", "action"],
        ),
    }
    if _both(outcomes.now):
        frames |= {
            RELIABILITY: _curves(outcomes, _reliability),
            GAINS: _curves(outcomes, _gains),
            TOPS: _tops(outcomes.now),
        }
    frames |= {f"by {by}": _grouped(summary.figures, by) for by in _kinds(summary.figures)}
    frames[MOVES] = pd.DataFrame(
        [
            (m.column, m.cell, f"{m.current:.1%}", f"{m.reference:.1%}", f"{m.importance:.1%}")
            for m in summary.columns[:POINTS]
            if m.drifted
        ],
        columns=["feature", "where", "companies now", "in the reference", "of the explanations"],
    )
    return {name: frame for name, frame in frames.items() if len(frame)}


def _both(rows: MaturedRows) -> bool:
    return bool(len(rows)) and bool(rows.label.min() != rows.label.max())


def _about(s: Summary) -> Iterator[str]:
    yield (
        f"{s.meta.model}: {s.meta.decisions:,} decisions as of {s.meta.made[:16]}, {s.matured:,} "
        f"matured, {s.positives:,} of them converted"
    )
    if s.too_few:
        yield (
            f"Too few to tell what moved: {s.rows_reference:,} companies in the reference and "
            f"{s.rows_current:,} of late"
        )
    else:
        moved = sum(move.drifted for move in s.columns)
        yield (
            f"{moved} of {len(s.columns)} features drifted, {s.drift_share:.0%} of the "
            f"explanations; all are in report.json"
        )
    if s.unlike > 0.1:
        yield f"{s.unlike:.0%} of the companies are of ages that the reference lacks"
    if s.sampled:
        yield (
            f"What moved is told of {s.rows_current:,} companies, drawn with a fixed seed; what "
            "became of leads, of all"
        )
    if emptied := [move.column for move in s.columns if move.emptied]:
        yield f"Values on one side only, a feed that broke or began: {', '.join(emptied)}"


def _kinds(figures: Sequence[Figure]) -> list[str]:
    return list(dict.fromkeys(f.by for f in figures if f.by != ALL))


def _grouped(figures: Sequence[Figure], by: str) -> pd.DataFrame:
    """A row of each group: its figures, those that stand ill marked."""
    groups: dict[str, dict[str, Figure]] = {}
    for figure in figures:
        if figure.by == by:
            groups.setdefault(figure.group, {})[figure.name] = figure
    names = [name for name in TABLED if any(name in own for own in groups.values())]
    rows = [
        (group, *(_cell(own.get(name), TABLED[name][1]) for name in names))
        for group, own in groups.items()
    ]
    return pd.DataFrame(rows, columns=[by, *(TABLED[name][0] for name in names)])


def _cell(figure: Figure | None, form: str) -> str:
    if figure is None:
        return "–"
    return f"{figure.value:{form}} {WELL[FigureStatus(figure.status)]}".strip()


Curve = Callable[[MaturedRows], tuple[np.ndarray, np.ndarray]]


def _curves(outcomes: Outcomes, curve: Curve) -> pd.DataFrame:
    """Points of a curve of the reference, where it has one, and of now."""
    parts = []
    for name, rows in (("reference", outcomes.reference), ("now", outcomes.now)):
        if rows is not None and _both(rows):
            x, y = curve(rows)
            parts.append(pd.DataFrame({"side": name, "x": x, "y": y}))
    return pd.concat(parts, ignore_index=True)


def _reliability(rows: MaturedRows) -> tuple[np.ndarray, np.ndarray]:
    curve = reliability_curve(rows.label, rows.score, bins=10)
    return curve.predicted, curve.observed


def _gains(rows: MaturedRows) -> tuple[np.ndarray, np.ndarray]:
    curve = gains(rows.label, rows.score)
    at = np.unique(np.linspace(0, len(curve.share) - 1, POINTS).astype(np.int64))
    return curve.share[at], curve.captured[at]


def _tops(rows: MaturedRows) -> pd.DataFrame:
    y, s = rows.label, rows.score
    return pd.DataFrame(
        [
            (
                f"{share:.0%}",
                f"{lift_at(y, s, share):.2f}",
                f"{precision_at(y, s, share):.1%}",
                f"{recall_at(y, s, share):.1%}",
            )
            for share in SHARES
        ],
        columns=["best", "lift", "precision", "recall"],
    )


def _table(name: str, frame: pd.DataFrame) -> list[Any]:
    title = _TITLES.get(name, f"By {name.removeprefix('by ')}")
    rows = frame.astype(str).to_numpy().tolist()
    return [table_data(column_names=list(frame.columns), data=rows, title=title)]


def _sentence(_name: str, frame: pd.DataFrame) -> list[Any]:
    return [header_text(label=str(frame.iloc[0, 0]))]


def _paragraph(_name: str, frame: pd.DataFrame) -> list[Any]:
    return [text_widget(text="\n\n".join(frame.iloc[:, 0].astype(str)))]


def _drawn_curve(name: str, frame: pd.DataFrame) -> list[Any]:
    figure = go.Figure()
    titles = _AXES[name]
    top = 1.0 if name == GAINS else min(1.1 * max(float(frame[["x", "y"]].max().max()), 0.05), 1.0)
    figure.add_scatter(x=[0, top], y=[0, top], name=titles[2], line={"dash": "dash"})
    for side, points in frame.groupby("side", sort=False):
        mode = "lines" if name == GAINS else "lines+markers"
        figure.add_scatter(x=points["x"], y=points["y"], name=str(side), mode=mode)
    figure.update_layout(
        xaxis={"title": titles[0], "range": [0, top]}, yaxis={"title": titles[1], "range": [0, top]}
    )
    return [plotly_figure(title=_TITLES[name], figure=figure, size=WidgetSize.HALF)]


_AXES = {
    RELIABILITY: ("predicted probability", "share that converted", "perfect"),
    GAINS: ("share of leads worked, best first", "share of conversions found", "at random"),
}
_TITLES = {
    LOOK_AT: "Look at these first",
    CAUSES: "Causes of drift",
    MOVES: "Features that moved",
    RELIABILITY: "Calibration of matured decisions",
    GAINS: "Gains of matured decisions",
    TOPS: "Lift by share of leads",
}
_DRAWN: Mapping[str, Callable[[str, pd.DataFrame], list[Any]]] = {
    VERDICT: _sentence,
    ABOUT: _paragraph,
    RELIABILITY: _drawn_curve,
    GAINS: _drawn_curve,
}
