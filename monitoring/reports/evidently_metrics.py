"""A report's figures as Evidently metrics, each with a test whose status is the figure's.

Evidently has neither calibration nor lift, and its tests know a threshold, not an interval. So the
metrics are ours: they read figures that were counted exactly, over all decisions, from the data set
`figures` that a report is run beside. What Evidently saves of them are its own kinds of results,
so that `evidently ui` opens them without this package.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import pandas as pd
from evidently import Dataset
from evidently.core.metric_types import (
    BoundTest,
    MetricTest,
    MetricTestResult,
    SingleValue,
    SingleValueCalculation,
    SingleValueMetric,
)
from evidently.core.report import Context
from evidently.legacy.tests.base_test import TestStatus

from monitoring.reports.figure import ALL, EVERYONE, Figure, FigureStatus

FIGURES = "figures"
STATUSES = {
    FigureStatus.GOOD: TestStatus.SUCCESS,
    FigureStatus.WATCH: TestStatus.WARNING,
    FigureStatus.BAD: TestStatus.FAIL,
}


class FigureMetric(SingleValueMetric):  # type: ignore[misc]
    """A figure of a group; `by` says what groups are made by."""

    by: str = ALL
    group: str = EVERYONE


class CalibrationError(FigureMetric):
    """The debiased root mean square distance of predicted and observed rates."""


class ConversionsByPrediction(FigureMetric):
    """Conversions over the sum of the probabilities: 1 where as many came as were predicted."""


class TopTenthLift(FigureMetric):
    """The conversion rate of the best tenth over that of all."""


class Auroc(FigureMetric):
    """The chance that a lead that converts outscores one that does not."""


class ConversionRate(FigureMetric):
    """The share of matured decisions whose lead converted."""


class ScoreMove(FigureMetric):
    """How far the distribution of scores lies from the reference's, in shares of companies."""


class ReasonMove(FigureMetric):
    """How far the distribution of first reasons lies from the reference's."""


class DriftedShare(FigureMetric):
    """The share of the explanations that drifted features make up."""


class ActionableCauses(FigureMetric):
    """Causes of drift that somebody must act upon."""


class FreshestHours(FigureMetric):
    """How old the features of the freshest hundredth of decisions were, in hours."""


class DegradedShare(FigureMetric):
    """The share of answers that were degraded."""


class MissingShare(FigureMetric):
    """The share of the values of features that are missing."""


class OutsideShare(FigureMetric):
    """The share of values beyond the reference's, of the feature of which it is largest."""


class DecisionCount(FigureMetric):
    """Decisions in the last four weeks."""


METRICS = {
    kind.__name__: kind
    for kind in (
        *(CalibrationError, ConversionsByPrediction, TopTenthLift, Auroc, ConversionRate),
        *(ScoreMove, ReasonMove, DriftedShare, ActionableCauses),
        *(FreshestHours, DegradedShare, MissingShare, OutsideShare, DecisionCount),
    )
}
"""The metrics by the names of figures."""


class StatusTest(MetricTest):  # type: ignore[misc]
    """A test whose status is that of the figure: whoever measured it knows how sure it is."""

    def to_test(self) -> Any:
        """Evidently's hook."""

        def status(context: Context, metric: Any, value: SingleValue) -> MetricTestResult:
            figure = figure_of(context, metric.metric)
            limit = "" if figure.limit is None else f", limit {figure.limit:g}"
            return MetricTestResult(
                id="status",
                name=f"{value.display_name}: {figure.value:.3g}{limit}",
                description=figure.text,
                status=STATUSES[FigureStatus(figure.status)],
                metric_config=metric.to_metric_config(),
                test_config={"type": "status", "limit": figure.limit},
            )

        return status

    def bind_single(self, fingerprint: str) -> BoundTest:
        """Evidently's hook."""
        return StatusBoundTest(test=self, metric_fingerprint=fingerprint)


class StatusBoundTest(BoundTest[SingleValue]):  # type: ignore[misc]
    """The test of one metric. Its result does not hold it: whoever opens it need not know it."""

    def run_test(self, context: Context, calculation: Any, metric_result: SingleValue) -> Any:
        """Evidently's hook."""
        return self.test.run(context, calculation, metric_result)


class FigureCalculation(SingleValueCalculation[FigureMetric]):  # type: ignore[misc]
    """Looks a figure up. Tables and curves beside it draw it, so it has no widget."""

    def calculate(
        self, context: Context, current_data: Dataset, reference_data: Dataset | None
    ) -> Any:
        """Evidently's hook."""
        del current_data, reference_data
        result = self.result(figure_of(context, self.metric).value)
        result.widget = []
        return result

    def display_name(self) -> str:
        """Evidently's hook."""
        return name_of(type(self.metric).__name__, self.metric.by, self.metric.group)


def metrics_of(figures: Sequence[Figure]) -> list[Any]:
    """An Evidently metric of each figure, with a test where there is something to hold it to."""
    return [
        METRICS[figure.name](
            by=figure.by,
            group=figure.group,
            tests=None if figure.limit is None else [StatusTest()],
        )
        for figure in figures
    ]


def as_dataset(figures: Sequence[Figure]) -> pd.DataFrame:
    """Figures as the rows of a data set, for `Report.run(additional_data=...)`."""
    return pd.DataFrame(
        {
            "key": [name_of(figure.name, figure.by, figure.group) for figure in figures],
            "figure": [msgspec.json.encode(figure).decode() for figure in figures],
        }
    )


def figure_of(context: Context, metric: FigureMetric) -> Figure:
    """The figure of a metric. Raises KeyError where the report has none."""
    frame = context.additional_data[FIGURES].as_dataframe()
    key = name_of(type(metric).__name__, metric.by, metric.group)
    rows = frame.loc[frame["key"] == key, "figure"]
    if not len(rows):
        raise KeyError(key)
    return msgspec.json.decode(rows.iloc[0], type=Figure)


def name_of(name: str, by: str, group: str) -> str:
    """What a figure is called on a page.

    >>> name_of("TopTenthLift", "arm", "challenger")
    'top tenth lift, arm challenger'
    """
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
    return words if by == ALL else f"{words}, {by} {group}"
