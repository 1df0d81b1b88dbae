"""Margins and contributions of leaves, gathered from a version's explanation table, compiled.

The same sums, in the same order, as `ExplanationTable.explain`: equal to the last bit.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from domain.explanation import ExplanationTable

Floats = NDArray[np.float64]
Leaves = NDArray[np.uint32]
"""Leaf indexes [rows, trees], as CatBoost gives them."""

Indexes = NDArray[np.uint64]
"""Unsigned, so that the compiler need not look for indexes from the end: a third of the time."""


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _contributions(
    values: Floats, columns: Indexes, starts: Indexes, leaves: Leaves, out: Floats
) -> None:
    for row in range(leaves.shape[0]):
        for tree in range(leaves.shape[1]):
            leaf = starts[tree] + leaves[row, tree]
            for k in range(columns.shape[1]):
                out[row, columns[tree, k]] += values[leaf, k]


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _margins(totals: Floats, starts: Indexes, leaves: Leaves, out: Floats) -> None:
    for row in range(leaves.shape[0]):
        for tree in range(leaves.shape[1]):
            out[row] += totals[starts[tree] + leaves[row, tree]]


class Gatherer:
    """One table, ready to be gathered from. Safe to use from many threads."""

    def __init__(self, table: ExplanationTable) -> None:
        self._bias, self._count = table.bias, len(table.features)
        self._values = np.ascontiguousarray(table.values)
        self._columns = np.ascontiguousarray(table.columns, dtype=np.uint64)
        self._starts = np.ascontiguousarray(table.starts, dtype=np.uint64)
        self._totals = self._values.sum(axis=1)
        # compiled here, or read from the compiler's own cache, and not in the first request
        none = np.zeros((0, len(self._starts)), dtype=np.uint32)
        self.margins(none)
        self.explain(none)

    def margins(self, leaves: Leaves) -> Floats:
        """Raw scores [rows] in log-odds: the bias and all contributions, added up."""
        out = np.full(len(leaves), self._bias)
        _margins(self._totals, self._starts, leaves, out)
        return out

    def explain(self, leaves: Leaves) -> Floats:
        """Contributions [rows, features] in log-odds; with the bias they add up to the margin."""
        # one column more than there are features, for the places that a tree leaves unused
        out = np.zeros((len(leaves), self._count + 1))
        _contributions(self._values, self._columns, self._starts, leaves, out)
        return out[:, :-1]
