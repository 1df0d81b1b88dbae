"""One version, ready to score: model, explanation table, calibrator, percentiles.

The same for the endpoint, the batch job and the replay: it takes named features and knows no
transport and no store.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from catboost import CatBoostClassifier, CatBoostError
from numpy.typing import NDArray

from domain.definition import FeatureDefinition
from domain.errors import BadInput
from domain.state import Matrix
from domain.versions.explanation_table import load_table
from domain.versions.manifest import MODEL_FILE, TABLE_FILE, Manifest
from feature_repo.catalogue import category_names, number_names
from feature_repo.features import compile_numbers
from scoring.model.leaf_finder import LeafFinder, Leaves
from scoring.model.percentiles import percentiles
from scoring.model.shap_gather import Floats, Gatherer


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores of rows: log-odds, calibrated probability, percentile 0 to 100.

    `leaves` [n, trees] are the leaves reached, of which `Scorer.explain` makes contributions.
    """

    margins: Floats
    scores: Floats
    percentiles: Floats
    leaves: Leaves


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
        model = _load(folder / MODEL_FILE, label)
        table = load_table(folder / TABLE_FILE)
        if not tuple(model.feature_names_) == table.features == self.features:
            raise BadInput(
                "model, explanation table and manifest have different features",
                rule="version-complete",
                where=label,
            )
        sizes = np.cumsum([0, *model.get_tree_leaf_counts()])
        if sizes[-1] != len(table.values) or not np.array_equal(sizes[:-1], table.starts):
            raise BadInput(
                "the explanation table belongs to another model",
                rule="version-complete",
                where=label,
            )
        self._gatherer = Gatherer(table)
        count = len(manifest.features) - len(manifest.categories)
        numbers = _places(number_names(definition), manifest.features[:count], label)
        texts = _places(category_names(definition), manifest.categories, label)
        self._finder = LeafFinder(model, table, numbers, texts.tolist())
        self._quantiles = np.array(manifest.quantiles, dtype=np.float64)
        # compiled now, not in the first request
        percentiles(self._quantiles, np.zeros(1))
        compile_numbers(definition)

    def score(self, numbers: Matrix, texts: Sequence[Sequence[str]]) -> Scored:
        """Score rows of named features: numbers [n, all] and n rows of all category texts.

        One thread; of very many rows, some thousands at a time stay within a processor's cache.
        """
        leaves = self._finder.find(numbers, texts)
        margins = self._gatherer.margins(leaves)
        scores = self.manifest.calibrator.apply(margins)
        return Scored(margins, scores, percentiles(self._quantiles, scores), leaves)

    def explain(self, leaves: Leaves) -> Floats:
        """Contributions [n, features of this version] in log-odds, of scored rows."""
        return self._gatherer.explain(leaves)


def _load(path: Path, label: str) -> CatBoostClassifier:
    model = CatBoostClassifier()
    try:
        model.load_model(str(path))
    except CatBoostError as bad:
        raise BadInput(
            f"{path.name} is not a model that this CatBoost reads",
            rule="version-complete",
            where=label,
        ) from bad
    return model


def _places(names: Sequence[str], wanted: Sequence[str], label: str) -> NDArray[np.int64]:
    missing = sorted(set(wanted) - set(names))
    if missing:
        raise BadInput(
            f"{label} needs features that this home does not keep: {', '.join(missing[:5])}",
            rule="features-kept",
            todo="Run `leadscore features rebuild` with the version's feature service.",
        )
    at = {name: place for place, name in enumerate(names)}
    return np.array([at[name] for name in wanted], dtype=np.int64)
