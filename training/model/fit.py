"""Fitting CatBoost: columns to pools, parameters to models, models to margins."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from catboost import CatBoostClassifier, FeaturesData, Pool
from numpy.typing import NDArray

from training.data.dataset import Dataset
from training.data.split import dealt

Parameters = dict[str, Any]

Fold = tuple[Dataset, Dataset]
"""Rows to learn from, and later rows to judge by."""


class OutOfFold(NamedTuple):
    """Out-of-fold predictions of rows [n]: each by models that had not seen the row.

    `margins` are in log-odds, `fold` is the fold of each row.
    """

    margins: NDArray[np.float64]
    labels: NDArray[np.int64]
    moments: NDArray[np.int64]
    weights: NDArray[np.float64]
    groups: NDArray[np.int64]
    fold: NDArray[np.int64]

    @property
    def folds(self) -> int:
        """How many folds there are."""
        return int(self.fold.max()) + 1


CROSSED = 5
"""Parts that companies are dealt into: each model learns from four fifths of the rows."""

FIXED: Parameters = {
    "loss_function": "Logloss",
    "grow_policy": "SymmetricTree",
    "max_ctr_complexity": 1,
    "allow_writing_files": False,
    "verbose": False,
    "thread_count": 2,
}
"""What every model here has: oblivious trees, whose splits each belong to one column, so that the
explanation table is exact; and as many threads wherever it is trained, so that it is the same."""


def pool(data: Dataset) -> Pool:
    """CatBoost's pool of a data set, with its weights: number features first, then categories."""
    count = data.numbers.shape[1]
    parts: dict[str, Any] = {}
    if count:
        parts["num_feature_data"] = data.numbers.astype(np.float32)
        parts["num_feature_names"] = list(data.features[:count])
    if data.categories:
        parts["cat_feature_data"] = _bytes(data.texts)
        parts["cat_feature_names"] = list(data.categories)
    return Pool(FeaturesData(**parts), label=data.labels, weight=data.weights)


def _bytes(texts: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.array([[str(t).encode() for t in row] for row in texts], dtype=object)


def fit(
    data: Dataset, parameters: Parameters, seed: int, valid: Dataset | None = None
) -> CatBoostClassifier:
    """Fit a model; with `valid`, training stops where its loss on `valid` no longer falls."""
    model = CatBoostClassifier(**FIXED, **parameters, random_seed=seed)
    if valid is None:
        return model.fit(pool(data))
    return model.fit(pool(data), eval_set=pool(valid), early_stopping_rounds=40)


def margins(model: CatBoostClassifier, data: Dataset) -> NDArray[np.float64]:
    """Raw scores, in log-odds [n]."""
    raw = model.predict(pool(data), prediction_type="RawFormulaVal")
    return np.asarray(raw, dtype=np.float64)


def crossed(data: Dataset, parameters: Parameters, seed: int, folds: int = CROSSED) -> OutOfFold:
    """What models told of rows [n] that they had not seen, each as strong as one of all of them.

    Whole companies are dealt into `folds` parts; each part is told of by a model of all others. So
    each learns from most of the rows, where models of the first part of time learn from few.
    """
    part = dealt(data.groups, folds)
    margin = np.empty(len(data))
    for one in np.unique(part).tolist():
        mine = np.flatnonzero(part == one)
        others = data.take(np.flatnonzero(part != one))
        margin[mine] = margins(fit(others, parameters, seed), data.take(mine))
    return OutOfFold(margin, data.labels, data.moments, data.weights, data.groups, part)


def across(folds: Sequence[Fold], parameters: Parameters, seed: int) -> OutOfFold:
    """Fit a model on each fold's earlier rows, and let it tell of the later ones."""
    later = [rows for _, rows in folds]
    margins_by_fold = [margins(fit(earlier, parameters, seed), rows) for earlier, rows in folds]
    return OutOfFold(
        margins=np.concatenate(margins_by_fold),
        labels=np.concatenate([rows.labels for rows in later]),
        moments=np.concatenate([rows.moments for rows in later]),
        weights=np.concatenate([rows.weights for rows in later]),
        groups=np.concatenate([rows.groups for rows in later]),
        fold=np.repeat(np.arange(len(later)), [len(rows) for rows in later]),
    )
