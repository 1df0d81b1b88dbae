"""One version, ready to score: model, explanation table, calibrator, percentiles.

The same for the endpoint, the batch job and the replay: it takes named features and knows no
transport and no store.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from catboost import CatBoostClassifier, CatBoostError, FeaturesData, Pool
from numpy.typing import NDArray

from domain.definition import FeatureDefinition
from domain.errors import BadInput
from domain.explanation import load_table
from domain.state import Matrix
from domain.versions import MODEL_FILE, TABLE_FILE, Manifest
from feature_repo.features import category_names, number_names

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """What is said of rows: log-odds, calibrated probability, percentile 0 to 100.

    `leaves` [n, trees] are the leaves reached, of which `Scorer.explain` makes contributions.
    """

    margins: Floats
    scores: Floats
    percentiles: Floats
    leaves: NDArray[np.int64]


class Scorer:
    """A version opened for scoring. Safe to use from many threads."""

    def __init__(
        self, label: str, folder: Path, manifest: Manifest, definition: FeatureDefinition
    ) -> None:
        """`definition` is the one that features will come from; it must hold all that is needed.

        Raises BadInput where it does not, and where the version's files do not go together.
        """
        self.label = label
        self.manifest = manifest
        self.features = manifest.features
        self._model = _load(folder / MODEL_FILE, label)
        self._table = load_table(folder / TABLE_FILE)
        if not tuple(self._model.feature_names_) == self._table.features == self.features:
            raise BadInput(
                "model, explanation table and manifest are of different features",
                rule="version-complete",
                where=label,
            )
        count = len(manifest.features) - len(manifest.categories)
        self._numbers = _places(number_names(definition), manifest.features[:count], label)
        self._texts = _places(category_names(definition), manifest.categories, label)
        self._quantiles = np.array(manifest.quantiles)

    def score(self, numbers: Matrix, texts: Sequence[Sequence[str]]) -> Scored:
        """Score rows of named features: numbers [n, all] and n rows of all category texts."""
        leaves = np.asarray(
            self._model.calc_leaf_indexes(self._pool(numbers, texts), thread_count=1),
            dtype=np.int64,
        )
        margins = self._table.margins(leaves)
        scores = self.manifest.calibrator.apply(margins)
        return Scored(margins, scores, self._percentiles(scores), leaves)

    def explain(self, leaves: NDArray[np.int64]) -> Floats:
        """Contributions [n, features of this version] in log-odds, of scored rows."""
        return self._table.explain(leaves)

    def _pool(self, numbers: Matrix, texts: Sequence[Sequence[str]]) -> Any:
        held = numbers[:, self._numbers].astype(np.float32) if len(self._numbers) else None
        words = None
        if len(self._texts):
            words = np.array(
                [[row[place].encode() for place in self._texts] for row in texts], dtype=object
            )
        return Pool(FeaturesData(num_feature_data=held, cat_feature_data=words))

    def _percentiles(self, scores: Floats) -> Floats:
        """The share of the reference sample that scored no higher, by the registered quantiles."""
        quantiles = self._quantiles
        below = np.searchsorted(quantiles, scores, side="left")
        upto = np.searchsorted(quantiles, scores, side="right")
        inside = (below > 0) & (upto < len(quantiles)) & (below == upto)
        low = quantiles[np.maximum(below - 1, 0)]
        high = quantiles[np.minimum(below, len(quantiles) - 1)]
        part = np.where(inside, (scores - low) / np.where(high > low, high - low, 1.0), 0.0)
        middle = (below + np.maximum(upto - 1, below)) / 2
        return np.clip(np.where(inside, below - 1 + part, middle), 0.0, 100.0)


def _load(path: Path, label: str) -> CatBoostClassifier:
    model = CatBoostClassifier()
    try:
        model.load_model(str(path))
    except CatBoostError as bad:
        raise BadInput(
            f"{path.name} is no model of this CatBoost", rule="version-complete", where=label
        ) from bad
    return model


def _places(held: Sequence[str], wanted: Sequence[str], label: str) -> NDArray[np.int64]:
    missing = sorted(set(wanted) - set(held))
    if missing:
        raise BadInput(
            f"{label} needs features that this home does not keep: {', '.join(missing[:5])}",
            rule="features-kept",
            todo="Run `leadscore features rebuild` with the version's feature service.",
        )
    at = {name: place for place, name in enumerate(held)}
    return np.array([at[name] for name in wanted], dtype=np.int64)
