"""How columns are distributed, now and in the reference, as shares: no row leaves the sample."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from evidently import Dataset
from evidently.core.metric_types import SingleValueCalculation, SingleValueMetric
from evidently.core.report import Context
from evidently.legacy.renderers.html_widgets import WidgetSize, plotly_figure

from monitoring.causes.moves import ColumnMove
from monitoring.decision_columns import Floats
from monitoring.reports.summary import Summary

DISTRIBUTIONS = "distributions"
BINS, TEXTS = 20, 12
FEWEST = 10
"""Texts of fewer rows are shown as one: a text that few have may name somebody."""

MISSING, OTHERS = "missing", "others"
SIDES = ("reference", "now")


@dataclass(frozen=True, slots=True)
class WeightedSides:
    """Rows of the reference and current ones, each with its weight [n]."""

    reference: pd.DataFrame
    reference_weight: Floats
    current: pd.DataFrame
    weight: Floats


class Distribution(SingleValueMetric):  # type: ignore[misc]
    """How far a column's distribution lies from the reference's, in shares of companies."""

    column: str


class DistributionCalculation(SingleValueCalculation[Distribution]):  # type: ignore[misc]
    """Draws a column's shares in both sides, and says whether it drifted."""

    def calculate(
        self, context: Context, current_data: Dataset, reference_data: Dataset | None
    ) -> Any:
        """Evidently's hook."""
        del current_data, reference_data
        frame = context.additional_data[DISTRIBUTIONS].as_dataframe()
        mine = frame[frame["column"] == self.metric.column]
        result = self.result(float(mine["distance"].iloc[0]))
        figure = go.Figure()
        for side, color in zip(SIDES, ("#8c8c8c", "#ed0400"), strict=True):
            figure.add_bar(x=mine["cell"], y=mine[side], name=side, marker={"color": color})
        figure.update_layout(
            yaxis={"title": "share", "tickformat": ".0%"}, xaxis={"type": "category"}
        )
        title = str(mine["title"].iloc[0])
        result.widget = [plotly_figure(title=title, figure=figure, size=WidgetSize.HALF)]
        return result

    def display_name(self) -> str:
        """Evidently's hook."""
        return f"distance of {self.metric.column}"


def distributions_of(summary: Summary, sides: WeightedSides, panels: int) -> pd.DataFrame:
    """The shares of scores and reasons, and of the features that moved most: a row a cell."""
    frames = [
        _distribution(move, sides)
        for move in _shown(summary, panels)
        if all(side[move.column].notna().any() for side in (sides.reference, sides.current))
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"column": []})


def _shown(summary: Summary, panels: int) -> Iterator[ColumnMove]:
    heads = (summary.score_drift, summary.reason_drift, *summary.columns[:panels])
    yield from (move for move in heads if move is not None)


def _distribution(move: ColumnMove, sides: WeightedSides) -> pd.DataFrame:
    columns = sides.reference[move.column], sides.current[move.column]
    cells = _texts if columns[0].dtype == object else _numbers
    there, here = cells(*columns)
    frame = pd.DataFrame(
        {
            "reference": _shares(there, sides.reference_weight),
            "now": _shares(here, sides.weight),
        }
    ).fillna(0.0)
    frame = frame.reindex(_order([*there.cat.categories]))
    drifted = "drifted" if move.drifted else "no drift"
    return (
        frame.rename_axis("cell")
        .reset_index()
        .assign(
            column=move.column,
            distance=move.distance,
            title=f"{move.column}: {drifted}, {move.distance:.0%} of the companies apart",
        )
    )


def _order(cells: Sequence[str]) -> list[str]:
    return [cell for cell in cells if cell != MISSING] + [MISSING]


def _shares(cells: pd.Series, weight: Floats) -> Mapping[str, float]:
    sums = pd.Series(weight, index=cells.index).groupby(cells, observed=False).sum()
    total = float(sums.sum())
    return {str(cell): float(one) / total if total else 0.0 for cell, one in sums.items()}


def _numbers(there: pd.Series, here: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Bins of equal width over the middle 98% of both; what lies beyond is in the outer ones."""
    known = pd.concat([there, here]).dropna()
    low, high = np.quantile(known, [0.01, 0.99])
    edges = np.linspace(low, high, BINS + 1) if high > low else np.array([low, low + 1.0])
    names = [f"{(a + b) / 2:.4g}" for a, b in itertools.pairwise(edges)]
    names = list(dict.fromkeys(names))
    edges = edges if len(names) == len(edges) - 1 else np.linspace(low, high, len(names) + 1)
    return _binned(there, edges, names), _binned(here, edges, names)


def _binned(values: pd.Series, edges: Floats, names: Sequence[str]) -> pd.Series:
    places = np.searchsorted(edges[1:-1], values.to_numpy(dtype=np.float64), side="right")
    names_of = np.array([*names, MISSING], dtype=object)
    cells = names_of[np.where(values.isna(), len(names), np.minimum(places, len(names) - 1))]
    return pd.Series(pd.Categorical(cells, [*names, MISSING]), index=values.index)


def _texts(there: pd.Series, here: pd.Series) -> tuple[pd.Series, pd.Series]:
    counts = pd.concat([there, here]).value_counts()
    listed = [str(name) for name in counts.index[counts >= FEWEST][:TEXTS]]
    names = [*listed, OTHERS, MISSING]

    def celled(values: pd.Series) -> pd.Series:
        cells = values.where(values.isin(listed) | values.isna(), OTHERS).fillna(MISSING)
        return pd.Series(pd.Categorical(cells, names), index=values.index)

    return celled(there), celled(here)
