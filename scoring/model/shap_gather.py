"""Margins and contributions of leaves, gathered from a version's explanation table, compiled.

The same sums, in the same order, as `ExplanationTable.explain`: equal to the last bit.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from domain.versions.explanation_table import ExplanationTable
from scoring.model.leaf_finder import BLOCK, Leaves, Places

Floats = NDArray[np.float64]


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _contributions(
    values: Floats, columns: Places, starts: Places, leaves: Leaves, out: Floats
) -> None:
    """Add what leaves [trees, rows] contribute to each column [columns, rows].

    `values` [depth, leaves]: those of one tree that belong to one column lie together.
    """
    for begin in range(0, leaves.shape[1], BLOCK):
        end = min(begin + BLOCK, leaves.shape[1])
        for tree in range(leaves.shape[0]):
            for k in range(columns.shape[1]):
                column = columns[tree, k]
                if column < np.uint64(out.shape[0]):  # others are unused
                    for row in range(begin, end):
                        out[column, row] += values[k, starts[tree] + leaves[tree, row]]


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _margins(totals: Floats, starts: Places, leaves: Leaves, out: Floats) -> None:
    for begin in range(0, leaves.shape[1], BLOCK):
        end = min(begin + BLOCK, leaves.shape[1])
        for tree in range(leaves.shape[0]):
            for row in range(begin, end):
                out[row] += totals[starts[tree] + leaves[tree, row]]


class Gatherer:
    """One table, ready to be gathered from. Safe to use from many threads."""

    def __init__(self, table: ExplanationTable) -> None:
        self._bias, self._count = table.bias, len(table.features)
        self._values = np.ascontiguousarray(table.values.T)
        self._columns = np.ascontiguousarray(table.columns, dtype=np.uint64)
        self._starts = np.ascontiguousarray(table.starts, dtype=np.uint64)
        self._totals = table.values.sum(axis=1)
        # compiled here, or read from the compiler's own cache, and not in the first request
        none = np.zeros((len(self._starts), 0), dtype=np.uint32).T
        self.margins(none)
        self.explain(none)

    def margins(self, leaves: Leaves) -> Floats:
        """Raw scores [rows] in log-odds: the bias and all contributions, added up."""
        out = np.full(len(leaves), self._bias)
        _margins(self._totals, self._starts, np.ascontiguousarray(leaves.T), out)
        return out

    def explain(self, leaves: Leaves) -> Floats:
        """Contributions [rows, features] in log-odds; with the bias they add up to the margin."""
        out = np.zeros((self._count, len(leaves)))
        reached = np.ascontiguousarray(leaves.T)
        _contributions(self._values, self._columns, self._starts, reached, out)
        # a row's contributions beside each other: whoever looks at one takes it whole
        return np.ascontiguousarray(out.T)
