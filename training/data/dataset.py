"""The data set: features at cutoffs, by Feast's point-in-time join, with labels beside them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domain.definition import FeatureDefinition
from domain.errors import Missing
from feature_repo.catalogue import category_names, number_names
from training.data.cutoffs import Cutoff, companies, weights

History = Callable[[Sequence[str], Sequence[str], Sequence[int]], pd.DataFrame]
"""Named features of (leads, accounts, moments), row for row."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows in the order of time.

    `numbers` [n, number features], `texts` [n, category features], `labels` [n] in {0, 1},
    `moments` [n] in microseconds, `weights` [n] positive, 1 on average over the whole set.
    `groups` [n] are the companies: an account with all its leads, or a lead without one, as
    numbers that the same company has in every data set. `aside` are columns [n] by name that are
    not learnt from: what a version is audited by.
    """

    features: tuple[str, ...]
    categories: tuple[str, ...]
    numbers: NDArray[np.float64]
    texts: NDArray[np.object_]
    labels: NDArray[np.int64]
    moments: NDArray[np.int64]
    groups: NDArray[np.int64]
    weights: NDArray[np.float64]
    aside: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def take(
        self, rows: NDArray[np.int64], weights: NDArray[np.float64] | float = 1.0
    ) -> "Dataset":
        """Some of the rows, each weighing so many times what it did."""
        return Dataset(
            self.features,
            self.categories,
            self.numbers[rows],
            self.texts[rows],
            self.labels[rows],
            self.moments[rows],
            self.groups[rows],
            self.weights[rows] * weights,
            {name: column[rows] for name, column in self.aside.items()},
        )


def build(
    definition: FeatureDefinition,
    cutoffs: Sequence[Cutoff],
    history: History,
    exclude: Sequence[str] = (),
    aside: Sequence[str] = (),
) -> Dataset:
    """Join features to cutoffs, which ascend by time. Constant features are left out.

    Raises Missing where none is left.
    """
    frame = history(
        [c.lead_id for c in cutoffs],
        [c.account_id for c in cutoffs],
        [c.moment_us for c in cutoffs],
    )
    numbers = [n for n in number_names(definition) if n not in exclude and _varies(frame[n])]
    texts = [n for n in category_names(definition) if n not in exclude and _varies(frame[n])]
    if not numbers and not texts:
        raise Missing(
            f"no feature differs over the {len(cutoffs)} cutoffs",
            rule="features-left",
            todo="Ingest more history, or change `exclude`.",
        )
    return Dataset(
        features=(*numbers, *texts),
        categories=tuple(texts),
        numbers=frame[numbers].to_numpy(dtype=np.float64),
        texts=frame[texts].fillna("").to_numpy(dtype=object),
        labels=np.array([c.label for c in cutoffs], dtype=np.int64),
        moments=np.array([c.moment_us for c in cutoffs], dtype=np.int64),
        groups=np.array([_number(name) for name in companies(cutoffs)], dtype=np.int64),
        weights=weights(cutoffs),
        aside={name: frame[name].to_numpy() for name in aside if name in frame},
    )


def _number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def _varies(column: "pd.Series[float]") -> bool:
    return bool(column.nunique(dropna=False) > 1)


def columns(data: Dataset, names: "tuple[str, ...] | list[str]") -> Dataset:
    """The same rows with these columns alone: numbers in the order named, then categories."""
    count = data.numbers.shape[1]
    places = [data.features.index(name) for name in names]
    numbers = [i for i in places if i < count]
    texts = [i for i in places if i >= count]
    return replace(
        data,
        features=tuple(data.features[i] for i in (*numbers, *texts)),
        categories=tuple(data.features[i] for i in texts),
        numbers=data.numbers[:, numbers],
        texts=data.texts[:, [i - count for i in texts]],
    )
