"""Calibration and lift as Evidently metrics: Evidently has neither, so they are ours.

Both look at rows whose label is known (not NaN) and count exactly: no rounding, no division by an
empty top. They render as widgets, beside the reference's where there is one.
"""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from evidently import Dataset
from evidently.core.metric_types import SingleValue, SingleValueCalculation, SingleValueMetric
from evidently.core.report import Context
from evidently.legacy.renderers.html_widgets import (
    WidgetSize,
    header_text,
    plotly_figure,
    table_data,
)
from numpy.typing import NDArray

from measures.calibration import brier, reliability_curve
from measures.calibration_error import calibration_error
from measures.ranking import gains, lift_at, precision_at, recall_at

SHARES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5)
Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


def labelled(dataset: Dataset, score: str, label: str) -> Pair:
    """Labels and scores of the rows whose label is known."""
    frame = dataset.as_dataframe()
    y = frame[label].to_numpy(dtype=np.float64)
    known = np.isfinite(y)
    return y[known], frame[score].to_numpy(dtype=np.float64)[known]


class Calibration(SingleValueMetric):  # type: ignore[misc]
    """The calibration error of `score` against `label`, every row its own group."""

    score: str
    label: str


class Lift(SingleValueMetric):  # type: ignore[misc]
    """The lift of the best tenth by `score`."""

    score: str
    label: str


class Heading(SingleValueMetric):  # type: ignore[misc]
    """A line of text at the top of the page."""

    text: str


class HeadingCalculation(SingleValueCalculation[Heading]):  # type: ignore[misc]
    """Renders `Heading`."""

    def calculate(
        self, context: Context, current_data: Dataset, reference_data: Dataset | None
    ) -> Any:
        """Evidently's hook."""
        del context, current_data, reference_data
        result = self.result(0)
        result.widget = [header_text(label=self.metric.text)]
        return result, None

    def display_name(self) -> str:
        """Evidently's hook."""
        return str(self.metric.text)


class CalibrationCalculation(SingleValueCalculation[Calibration]):  # type: ignore[misc]
    """Computes `Calibration`, and draws the reliability curve."""

    def calculate(
        self, context: Context, current_data: Dataset, reference_data: Dataset | None
    ) -> Any:
        """Evidently's hook."""
        del context
        return _both(self, current_data, reference_data)

    def one(self, pair: Pair, reference: Pair | None) -> SingleValue:
        """The result of one data set; with the other's curve beside it."""
        result = self.result(calibration_error(*pair).value)
        figure = go.Figure()
        figure.add_scatter(x=[0, 1], y=[0, 1], name="perfect", line={"dash": "dash"})
        for name, held in (("reference", reference), ("current", pair)):
            if held is not None:
                curve = reliability_curve(*held, bins=10)
                figure.add_scatter(
                    x=curve.predicted, y=curve.observed, name=name, mode="lines+markers"
                )
        curves = [reliability_curve(*held, bins=10) for held in (reference, pair) if held]
        top = 1.1 * max(max(c.predicted.max(), c.observed.max(), 0.05) for c in curves)
        figure.update_layout(
            xaxis={"title": "predicted probability", "range": [0, min(top, 1)]},
            yaxis={"title": "share that converted", "range": [0, min(top, 1)]},
        )
        title = f"Calibration: error {result.value:.4f}, Brier score {brier(*pair):.4f}"
        result.widget = [plotly_figure(title=title, figure=figure, size=WidgetSize.HALF)]
        return result

    def display_name(self) -> str:
        """Evidently's hook."""
        return "Calibration error (matured decisions)"


class LiftCalculation(SingleValueCalculation[Lift]):  # type: ignore[misc]
    """Computes `Lift`, draws the gains and tabulates the top shares."""

    def calculate(
        self, context: Context, current_data: Dataset, reference_data: Dataset | None
    ) -> Any:
        """Evidently's hook."""
        del context
        return _both(self, current_data, reference_data)

    def one(self, pair: Pair, reference: Pair | None) -> SingleValue:
        """The result of one data set; with the other's curve beside it."""
        result = self.result(lift_at(*pair, 0.1))
        figure = go.Figure()
        figure.add_scatter(x=[0, 1], y=[0, 1], name="at random", line={"dash": "dash"})
        for name, held in (("reference", reference), ("current", pair)):
            if held is not None:
                curve = gains(*held)
                figure.add_scatter(x=curve.share, y=curve.captured, name=name)
        figure.update_layout(
            xaxis={"title": "share of leads worked, best first"},
            yaxis={"title": "share of conversions found"},
        )
        rows = [
            [
                f"{share:.0%}",
                f"{lift_at(*pair, share):.2f}",
                f"{precision_at(*pair, share):.1%}",
                f"{recall_at(*pair, share):.1%}",
            ]
            for share in SHARES
        ]
        headings = ["top", "lift", "precision", "recall"]
        title = f"Gains: lift of the best tenth {result.value:.2f}"
        result.widget = [
            plotly_figure(title=title, figure=figure, size=WidgetSize.HALF),
            table_data(column_names=headings, data=rows, title="Lift by share of leads"),
        ]
        return result

    def display_name(self) -> str:
        """Evidently's hook."""
        return "Lift of the best tenth (matured decisions)"


def _both(
    calculation: CalibrationCalculation | LiftCalculation,
    current: Dataset,
    reference: Dataset | None,
) -> tuple[SingleValue, SingleValue | None]:
    metric = calculation.metric
    mine = labelled(current, metric.score, metric.label)
    if reference is None:
        return calculation.one(mine, None), None
    other = labelled(reference, metric.score, metric.label)
    return calculation.one(mine, other), calculation.one(other, None)
