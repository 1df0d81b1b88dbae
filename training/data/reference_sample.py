"""The reference sample: what a version's features and scores looked like when it was made."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.data.dataset import Dataset

ROWS = 5_000
ACCOUNT = "account"


def fair_rows(stands_for: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """Rows drawn so that each of those that they stand for is as likely to be stood for.

    `stands_for` [n] says for how many rows each stands, see `training.data.split.SplitRows`.
    """
    chance = stands_for / stands_for.max()
    return np.flatnonzero(np.random.default_rng(seed).random(len(chance)) < chance)


def reference_frame(
    data: Dataset, scores: NDArray[np.float64], seed: int, most: int = ROWS
) -> pd.DataFrame:
    """At most so many rows of a data set, drawn by seed: features, `score`, `label`, `account`.

    `account` numbers the companies of these rows from 0: which rows belong together.
    """
    rows = np.arange(len(data))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    numbers = data.features[: data.numbers.shape[1]]
    frame = pd.DataFrame(data.numbers[rows], columns=list(numbers))
    for i, name in enumerate(data.categories):
        frame[name] = data.texts[rows, i].astype(str)
    frame["score"] = scores[rows]
    frame["label"] = data.labels[rows]
    frame[ACCOUNT] = np.unique(data.groups[rows], return_inverse=True)[1]
    return frame


def write_reference(frame: pd.DataFrame, path: Path) -> None:
    """Write it as Parquet."""
    frame.to_parquet(path, index=False)


def percentiles(scores: NDArray[np.float64]) -> tuple[float, ...]:
    """The 101 percentiles 0 to 100 of scores."""
    return tuple(float(q) for q in np.quantile(scores, np.linspace(0, 1, 101)))
