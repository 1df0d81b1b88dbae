"""Columns as drift reads them: float64 or text, NaN for all that is missing."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def tidied(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The named columns, each float64 or text, with NaN for all that is missing.

    Missing are NaN, None, infinities and the empty text.
    """
    return pd.DataFrame({n: _tidy(frame[n]) for n in names}, index=frame.index)


def _tidy(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(np.float64).replace([np.inf, -np.inf], np.nan)
    return column.astype(object).where(column.notna() & (column != ""), np.nan)
