"""A version as an MLflow model: `mlflow.pyfunc.load_model("models:/lead@champion")`.

MLflow imports this module by the name that the version's MLmodel file gives, and passes the folder.
Nothing is unpickled: the version's files are data, and each is checked by its hash first.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domain.errors import BadInput
from domain.versions.explanation_table import load_table
from domain.versions.manifest import TABLE_FILE, open_sealed
from feature_repo.catalogue import category_names, number_names
from scoring.model.reasons import Reasoner
from scoring.model.scorer import Scorer

CONTRIBUTIONS, REASONS = "contributions", "reasons"
"""The parameters of `predict` that ask for contributions, and for the service's sentences, too."""
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
        self._reasoner = Reasoner(manifest.definition, self._scorer.features)

    def predict(
        self, frame: pd.DataFrame, params: Mapping[str, Any] | None = None
    ) -> NDArray[np.float64] | pd.DataFrame:
        """Calibrated probabilities [n] of rows [n] of the version's features, by their names.

        A number that is not known is NaN, a category that is not known is "" or None. With
        `params={"contributions": True}` a frame: `probability`, `log_odds` before calibration,
        `bias`, and a column `contribution_<feature>` for each feature; bias and contributions add
        up to `log_odds`. With `params={"reasons": True}` a frame of `probability` and `reasons`:
        for each row the service's own, as dicts of feature, value, contribution and text, the
        strongest first. Raises BadInput where a feature has no column.
        """
        numbers, texts = self._rows(frame)
        scored = self._scorer.score(numbers, texts)
        wanted = {name for name, value in (params or {}).items() if value}
        if not wanted & {CONTRIBUTIONS, REASONS}:
            return scored.scores
        parts = self._scorer.explain(scored.leaves)
        answer = pd.DataFrame({"probability": scored.scores}, index=frame.index)
        if REASONS in wanted:
            answer[REASONS] = pd.Series(self._reasons(numbers, texts, parts), index=frame.index)
        if CONTRIBUTIONS not in wanted:
            return answer
        answer["log_odds"], answer["bias"] = scored.margins, self._bias
        names = [PREFIX + name for name in self._scorer.features]
        moved = pd.DataFrame(parts, columns=names, index=frame.index)
        return pd.concat([answer, moved], axis=1)

    def _reasons(
        self, numbers: NDArray[np.float64], texts: list[list[str]], parts: NDArray[np.float64]
    ) -> list[list[dict[str, Any]]]:
        """The service's reasons of each row, from its contributions [n, features]."""
        names = (*number_names(self._definition), *category_names(self._definition))
        rows = zip(numbers.tolist(), texts, parts, strict=True)
        return [
            [
                msgspec.to_builtins(reason)
                for reason in self._reasoner.reasons(
                    part, dict(zip(names, (*values, *words), strict=True))
                )
            ]
            for values, words, part in rows
        ]

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
