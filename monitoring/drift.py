"""How far each column of recent decisions has moved from the reference."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pandas as pd

from monitoring.permutation_test import chances

DRIFTED = 0.1
"""A distance from here on is drift, unless chance explains it. A test alone would call every
difference of a large sample drift."""

LEVEL = 0.01
"""The most that the chance of so large a distance may be, over all columns, where it is drift."""

FEWEST = 30
"""Companies that each side must have: of fewer, nothing is said."""

WASSERSTEIN, JENSEN_SHANNON, MISSING, CONSTANT = (
    "wasserstein",
    "jensenshannon",
    "missing",
    "constant",
)


class Drifted(msgspec.Struct, frozen=True, kw_only=True):
    """One column's drift: the method's score against its threshold.

    `method` says what `score` is. `wasserstein`: how far the numbers moved, in standard
    deviations of the reference. `jensenshannon`: the distance of the shares of the texts, 0 to
    0.833. `missing`: the difference of the shares of missing values; it stands where no values
    can be compared, or where it is larger than their distance. `constant`: 0, since both sides
    hold the same one value. `chance` is how often sampling alone would move any column so far, by
    `monitoring.permutation_test`; None where there are too few rows to tell. The last two fields
    are shares of rows, 0 to 1.
    """

    column: str
    method: str
    score: float
    threshold: float
    chance: float | None
    drifted: bool
    missing_reference: float
    missing_current: float

    @property
    def emptied(self) -> bool:
        """Whether one side has values and the other has none: a feed that broke, or began."""
        return sorted((self.missing_reference, self.missing_current))[1] == 1.0 and self.drifted


def tidied(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The named columns, each float64 or text, with NaN for all that is missing.

    Missing are NaN, None, infinities and the empty text.
    """
    return pd.DataFrame({n: _tidy(frame[n]) for n in names}, index=frame.index)


def drifts(reference: pd.DataFrame, current: pd.DataFrame, seed: int) -> list[Drifted]:
    """The drift of each column between two tidied sides, whose rows are of a company each."""
    told: dict[str, float] = {}
    if min(len(reference), len(current)) >= FEWEST:
        told = chances(reference, current, seed)
    names = map(str, reference.columns)
    return [_drift_of(name, reference[name], current[name], told.get(name)) for name in names]


def _drift_of(
    column: str, reference: pd.Series, current: pd.Series, chance: float | None
) -> Drifted:
    a, b = reference.dropna(), current.dropna()
    gone = (1 - len(a) / len(reference), 1 - len(b) / len(current))
    method, score = MISSING, abs(gone[0] - gone[1])
    if len(a) and len(b):
        compared, distance = _distance(a, b)
        if distance >= score:
            method, score = compared, distance
    moved = score > DRIFTED if method == MISSING else score >= DRIFTED
    return Drifted(
        column=column,
        method=method,
        score=score,
        threshold=DRIFTED,
        chance=chance,
        drifted=moved and chance is not None and chance <= LEVEL,
        missing_reference=gone[0],
        missing_current=gone[1],
    )


def _tidy(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(np.float64).replace([np.inf, -np.inf], np.nan)
    return column.astype(object).where(column.notna() & (column != ""), np.nan)


def _distance(a: pd.Series, b: pd.Series) -> tuple[str, float]:
    """Method and score of two sides without missing values, by Evidently's own functions."""
    from evidently.legacy.calculations.stattests import jensenshannon_stat_test as shares
    from evidently.legacy.calculations.stattests import wasserstein_stat_test as numbers
    from evidently.legacy.core import ColumnType

    if pd.concat([a, b]).nunique() == 1:
        return CONSTANT, 0.0
    if a.dtype == b.dtype == np.float64:
        result = numbers(a, b, ColumnType.Numerical, DRIFTED)
        return WASSERSTEIN, float(result.drift_score)
    result = shares(a.astype(str), b.astype(str), ColumnType.Categorical, DRIFTED)
    return JENSEN_SHANNON, float(result.drift_score)
