"""How far two samples of one population lie apart by chance: a permutation test of many columns.

Rows are shuffled between the sides, all columns of a row together, and the largest distance of any
column, each measured against its own shuffled ones, is kept (Westfall and Young, 1993). A column
whose distance is rarely reached by that largest one has moved; the chance of calling even one
column so where nothing moved is at most the level, however many columns there are, and however
they hang together. Rows must be independent: one of each company.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SHUFFLES = 299
"""The smallest chance that can be told is one in 300."""

CATEGORIES = 200
"""The most texts of a column that are told apart here; all others count as one."""

_Sides = NDArray[np.float64]
"""Which side a row is on, [shuffles, rows]: 1 where it is of the second; the first is the truth."""


def chances(a: pd.DataFrame, b: pd.DataFrame, seed: int) -> dict[str, float]:
    """By column the chance, over all columns, of so large a distance where nothing moved.

    Columns are float64 with NaN, or texts with NaN for what is missing. Both sides have rows.
    """
    sides = _shuffled(len(a), len(b), seed)
    kinds = {name: _distances(pd.concat([a[name], b[name]]), sides) for name in map(str, a.columns)}
    told: Mapping[str, NDArray[np.float64]] = {
        name: np.max([_standard(one) for one in found], axis=0) for name, found in kinds.items()
    }
    largest = np.max(list(told.values()), axis=0)
    return {name: float(np.mean(largest >= one[0] - 1e-9)) for name, one in told.items()}


def _shuffled(first: int, second: int, seed: int) -> _Sides:
    truth = np.repeat([0.0, 1.0], [first, second])
    random = np.random.default_rng(seed)
    return np.array([truth, *(random.permutation(truth) for _ in range(SHUFFLES))])


def _standard(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances in standard deviations above their mean; 0 where all are the same."""
    spread = float(distances.std())
    if spread <= 1e-12 * max(1.0, float(np.abs(distances).max())):
        return np.zeros_like(distances)
    return np.asarray((distances - distances.mean()) / spread, dtype=np.float64)


def _distances(column: pd.Series, sides: _Sides) -> list[NDArray[np.float64]]:
    """The distances of a column under each shuffle: of missing shares, and of values."""
    missing = column.isna().to_numpy()
    counts = np.stack([len(column) - sides.sum(axis=1), sides.sum(axis=1)])
    gone = np.stack([(1 - sides) @ missing, sides @ missing]) / counts
    found = [np.abs(gone[0] - gone[1])]
    held = column[~missing]
    if len(held):
        values = _of_numbers if held.dtype == np.float64 else _of_texts
        found.append(values(held, sides[:, ~missing]))
    return found


def _of_numbers(values: pd.Series, sides: _Sides) -> NDArray[np.float64]:
    """Wasserstein's distance: the area between the two distribution functions."""
    order = np.argsort(values.to_numpy(), kind="stable")
    gaps = np.diff(values.to_numpy()[order])
    second = np.cumsum(sides[:, order], axis=1)
    first = np.arange(1, len(order) + 1) - second
    with np.errstate(invalid="ignore"):
        apart = np.abs(first / first[:, -1:] - second / second[:, -1:])
    # 0 where a side has no value
    return np.asarray(np.nan_to_num(apart[:, :-1] @ gaps), dtype=np.float64)


def _of_texts(values: pd.Series, sides: _Sides) -> NDArray[np.float64]:
    """Half the sum of the differences of shares."""
    codes = np.minimum(_ranks(values), CATEGORIES)
    is_of = np.eye(int(codes.max()) + 1)[codes]
    second, first = sides @ is_of, (1 - sides) @ is_of
    with np.errstate(invalid="ignore"):
        apart = first / first.sum(axis=1, keepdims=True) - second / second.sum(
            axis=1, keepdims=True
        )
    return np.asarray(np.nan_to_num(np.abs(apart).sum(axis=1) / 2), dtype=np.float64)


def _ranks(values: pd.Series) -> NDArray[np.int64]:
    """The place of each text among all, the most frequent first.

    Of equally frequent ones the alphabet decides: the order of rows would tell the sides apart.
    """
    counted = values.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    places = {text: at for at, text in enumerate(counted.index)}
    return values.map(places).to_numpy(dtype=np.int64)


def one_of_each(frame: pd.DataFrame, group: str, seed: int) -> Iterator[int]:
    """Places of one row of each group, drawn at random; ascending."""
    if group not in frame:
        yield from range(len(frame))
        return
    order = np.random.default_rng(seed).permutation(len(frame))
    first = frame[group].iloc[order].drop_duplicates().index
    yield from sorted(frame.index.get_indexer(first).tolist())
