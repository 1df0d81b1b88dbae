"""The explanation table: exact SHAP values of every leaf, computed once, gathered per score.

An oblivious tree's SHAP values depend only on the leaf that a row reaches. For each leaf the
table holds the contributions of the tree's few distinct features; a row's explanation is the sum
over its trees. Beside them stands what each tree asks, which says the leaf that a row reaches.
Building the table is training's work (`training.model.shap_table`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.errors import BadInput

Leaves = NDArray[np.integer[Any]]
"""Leaf indexes [rows, trees]."""

CHUNK = 256
"""Rows gathered at a time: bounds memory at chunk × trees × depth floats."""


@dataclass(frozen=True, slots=True)
class ExplanationTable:
    """SHAP values [leaves, depth] with, per tree, the features its columns stand for.

    `starts` [trees] is each tree's first row in `values`. `columns` [trees, depth] are feature
    indexes; unused ones point one past the last feature. `bias` is the expected raw score.

    `levels` [trees, depth] are the features that each level asks about, level i for bit i of a
    leaf's index; unused ones point one past the last feature. A number answers 1 above the level's
    `borders`, both as 32-bit floats, and `missing` where it is NaN. A category's border is NaN:
    what it answers, the model knows.
    """

    features: tuple[str, ...]
    bias: float
    starts: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float64]
    levels: NDArray[np.int64]
    borders: NDArray[np.float32]
    missing: NDArray[np.bool_]

    def explain(self, leaves: Leaves) -> NDArray[np.float64]:
        """Contributions [rows, features] in log-odds, from leaf indexes [rows, trees].

        Each row's contributions and `bias` add up to the model's raw score.
        """
        count, flat = len(self.features), self.columns.ravel()
        out = np.empty((len(leaves), count))
        for at in range(0, len(leaves), CHUNK):
            part = self.values.take(self.starts + leaves[at : at + CHUNK], axis=0)
            for row, leaf_rows in enumerate(part.reshape(len(part), flat.size), start=at):
                out[row] = np.bincount(flat, leaf_rows, count + 1)[:count]
        return out

    def margins(self, leaves: Leaves) -> NDArray[np.float64]:
        """Raw scores [rows] in log-odds: the bias and all contributions, added up."""
        totals = self.values.sum(axis=1)[self.starts + leaves]
        return self.bias + np.asarray(totals.sum(axis=1), dtype=np.float64)

    def save(self, path: Path) -> None:
        """Write it as one .npz file without pickled objects."""
        np.savez_compressed(
            path,
            features=np.array(self.features, dtype=np.str_),
            bias=np.array(self.bias),
            starts=self.starts,
            columns=self.columns,
            values=self.values,
            levels=self.levels,
            borders=self.borders,
            missing=self.missing,
        )


def load_table(path: Path) -> ExplanationTable:
    """Read a table. Raises BadInput where the file is none."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return ExplanationTable(
                features=tuple(str(name) for name in arrays["features"]),
                bias=float(arrays["bias"]),
                starts=arrays["starts"],
                columns=arrays["columns"],
                values=arrays["values"],
                levels=arrays["levels"],
                borders=arrays["borders"],
                missing=arrays["missing"],
            )
    except (OSError, ValueError, KeyError) as bad:
        raise BadInput(
            "the file is not an explanation table, or has an earlier format",
            rule="explanation-table",
            where=path.name,
            todo="Train and register the version again.",
        ) from bad
