"""The cells of a column: tenths of a number's reference, or a category's texts."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from monitoring.causes.shares import CATEGORIES, EDGES, Floats, Ints, Shares, Units, shares_of


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """Rows of a column: the place of its cell, or -1 where the value is missing."""

    codes: Ints

    def missing(self, units: Units) -> Shares:
        """The share [1] of companies without a value."""
        absent = (self.codes < 0).astype(np.int64)
        shares = shares_of(absent, 2, units, above=False)
        return Shares(shares.values[1:], shares.effective[1:])


@dataclass(frozen=True)
class Cells:
    """How a column is cut: ascending `edges` of a number, or the listed `texts` of a category."""

    column: str
    edges: Floats | None
    texts: tuple[str, ...] = ()

    @cached_property
    def index(self) -> pd.Index:
        """The texts, to look places up in."""
        return pd.Index(self.texts, dtype=object)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each cell holds, in words."""
        if self.edges is None:
            return (*self.texts, "another")
        return ("lowest", *(f"above {edge:,.4g}" for edge in self.edges))

    def code(self, values: pd.Series) -> CodedColumn:
        """Each row's cell; values are float64, or texts, with NaN for what is missing."""
        missing = values.isna().to_numpy()
        if self.edges is None:
            places = self.index.get_indexer(pd.Index(values))
            codes = np.where(places < 0, len(self.texts), places)
        else:
            codes = np.searchsorted(self.edges, values.to_numpy(dtype=np.float64), side="left")
        return CodedColumn(np.where(missing, -1, codes).astype(np.int64))

    def shares(self, coded: CodedColumn, units: Units) -> Shares:
        """Shares of companies in each cell, of those that have a value.

        A number's are shares above each edge: as of a distribution function.
        """
        present = coded.codes >= 0
        above = self.edges is not None
        shares = shares_of(coded.codes[present], len(self.names), units.where(present), above=above)
        return Shares(shares.values[:-1], shares.effective[:-1]) if above else shares


def cut(values: pd.Series, units: Units) -> Cells:
    """The cells of a column by its reference: float64, or texts, with NaN for what is missing."""
    name = str(values.name)
    shares = values.dropna()
    if values.dtype == np.float64:
        return Cells(name, np.unique(np.quantile(shares, EDGES)) if len(shares) else np.zeros(0))
    weights = pd.Series(units.weight[values.notna().to_numpy()], index=shares.index)
    counted = weights.groupby(shares.to_numpy()).sum().sort_index()
    first = counted.sort_values(ascending=False, kind="stable").index[:CATEGORIES]
    return Cells(name, None, tuple(map(str, first)))
