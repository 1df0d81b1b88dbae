"""A version as an MLflow model: `mlflow.pyfunc.load_model("models:/lead@champion")`.

MLflow imports this module by the name that the version's MLmodel file gives, and hands it the
folder. Nothing is unpickled: the version's files are data, and each is checked by its hash first.
The code is this installed package; neither the home nor the service is needed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domain.errors import BadInput
from domain.versions.explanation_table import load_table
from domain.versions.manifest import TABLE_FILE, open_sealed
from feature_repo.catalogue import category_names, number_names
from scoring.model.scorer import Scorer

CONTRIBUTIONS = "contributions"
"""The parameter of `predict` that asks for contributions too."""
PREFIX = "contribution_"


class VersionModel:
    """A version that predicts from a frame of its named features."""

    def __init__(self, folder: Path) -> None:
        """Raises BadInput where a file of the version is missing or altered."""
        manifest = open_sealed(folder)
        self._definition = manifest.definition
        self._texts = manifest.categories
        self._numbers = manifest.features[: len(manifest.features) - len(manifest.categories)]
        self._bias = load_table(folder / TABLE_FILE).bias
        self._scorer = Scorer(manifest.name, folder, manifest, manifest.definition)

    def predict(
        self, frame: pd.DataFrame, params: Mapping[str, Any] | None = None
    ) -> NDArray[np.float64] | pd.DataFrame:
        """Calibrated probabilities [n] of rows [n] of the version's features, by their names.

        A number that is not known is NaN, a category that is not known is "" or None. With
        `params={"contributions": True}` a frame: `probability`, `log_odds` before calibration,
        `bias`, and a column `contribution_<feature>` for each feature; bias and contributions add
        up to `log_odds`. Raises BadInput where a feature has no column.
        """
        numbers, texts = self._rows(frame)
        scored = self._scorer.score(numbers, texts)
        if not (params or {}).get(CONTRIBUTIONS):
            return scored.scores
        told = {"probability": scored.scores, "log_odds": scored.margins, "bias": self._bias}
        parts = self._scorer.explain(scored.leaves)
        names = [PREFIX + name for name in self._scorer.features]
        moved = pd.DataFrame(parts, columns=names, index=frame.index)
        return pd.concat([pd.DataFrame(told, index=frame.index), moved], axis=1)

    def _rows(self, frame: pd.DataFrame) -> tuple[NDArray[np.float64], list[list[str]]]:
        """The frame as all of the definition's features, of which the version takes its own."""
        absent = [n for n in (*self._numbers, *self._texts) if n not in frame.columns]
        if absent:
            raise BadInput(
                f"{len(absent)} features have no column: {', '.join(absent[:5])}",
                rule="features-given",
                todo="Give a column for each feature; a number not known is NaN, a text is ''.",
            )
        numbers = np.full((len(frame), len(number_names(self._definition))), np.nan)
        at = {name: place for place, name in enumerate(number_names(self._definition))}
        for name in self._numbers:
            numbers[:, at[name]] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        columns = [
            frame[name].fillna("").astype(str).tolist()
            if name in self._texts
            else [""] * len(frame)
            for name in category_names(self._definition)
        ]
        return numbers, [list(row) for row in zip(*columns, strict=True)] or [[]] * len(frame)


def _load_pyfunc(path: str) -> VersionModel:
    """What MLflow calls, by this name."""
    return VersionModel(Path(path))
