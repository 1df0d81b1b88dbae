"""Baselines: what a version must beat to be worth its trouble, scored on the same rows.

- `prior`: the rate of the rows it was trained on, for everyone.
- `scorecard`: a logistic regression on binned columns, as made by hand for decades.
- `static`: CatBoost on the profile alone, without behaviour.
- `champion`: the version that serves now.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domain.definition import FeatureDefinition
from domain.versions.manifest import MODEL_FILE, open_sealed
from training.data.dataset import Dataset, columns
from training.model import fit
from training.model.profile_only_model import ProfileModel

Array = NDArray[np.float64]

CUTS = 5
"""Bins of a number in the scorecard: by quantiles, with one more for what is missing."""

RARE = 20
"""Values of a category seen less often share a bin."""

STRENGTH = 0.1
"""The scorecard's inverse penalty: hundreds of bins are drawn towards 0."""


@dataclass(frozen=True, slots=True)
class Scores:
    """A baseline's probabilities of the test's rows [n], or None; `note` says what or why."""

    name: str
    chance: Array | None
    note: str


@dataclass(frozen=True, slots=True)
class Champion:
    """The version that serves: its label, and the folder of its sealed files, where it is whole."""

    label: str
    folder: Path | None


def prior(train: Dataset, test: Dataset) -> Scores:
    """The rate of positives in `train` for every row of `test`."""
    rate = float(np.average(train.labels, weights=train.weights))
    return Scores("prior", np.full(len(test), rate), f"everyone gets the former rate, {rate:.1%}")


def scorecard(train: Dataset, test: Dataset) -> Scores:
    """A logistic regression on numbers in bins and on categories."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import OneHotEncoder

    edges = [_edges(column) for column in train.numbers.T]
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE)
    design = encoder.fit_transform(_binned(train, edges))
    model = LogisticRegression(C=STRENGTH, max_iter=300, tol=1e-3)
    model.fit(design, train.labels, sample_weight=train.weights)
    chance = model.predict_proba(encoder.transform(_binned(test, edges)))[:, 1]
    description = f"logistic regression on {len(train.features)} columns in bins"
    return Scores("scorecard", np.asarray(chance, dtype=np.float64), description)


def static(model: ProfileModel | None, test: Dataset) -> Scores:
    """CatBoost on the attributes of the profile alone, calibrated as the version is."""
    if model is None:
        return Scores("static", None, "no column of the profile is left")
    description = f"CatBoost on the profile alone: {', '.join(model.names)}"
    return Scores("static", model.chance(test), description)


def reigning(
    champion: Champion | None,
    definition: FeatureDefinition,
    test: Dataset,
    outcome: str,
    days: float,
) -> Scores:
    """The champion's scores of the test, where it takes the same features to the same question."""
    from catboost import CatBoostClassifier

    if champion is None:
        return Scores("champion", None, "there is no champion")
    if champion.folder is None:
        return Scores("champion", None, f"the files of {champion.label} are not whole")
    manifest = open_sealed(champion.folder)
    lacking = [name for name in manifest.features if name not in test.features]
    if (manifest.outcome, manifest.horizon_days) != (outcome, days):
        target = f"`{manifest.outcome}` within {manifest.horizon_days:g} days"
        return Scores("champion", None, f"{champion.label} answers another question: {target}")
    if manifest.definition.fingerprint != definition.fingerprint or lacking:
        why = f"its {lacking[0]} is not here" if lacking else "its features are defined otherwise"
        return Scores("champion", None, f"{champion.label} cannot score these rows: {why}")
    model = CatBoostClassifier()
    model.load_model(str(champion.folder / MODEL_FILE))
    chance = manifest.calibrator.apply(fit.margins(model, columns(test, manifest.features)))
    overlaps = manifest.lineage.watermark_us > int(test.moments.min())
    warned = "; part of the test is time that it may have been made from" if overlaps else ""
    return Scores("champion", chance, f"{champion.label}, as it serves{warned}")


def _edges(column: Array) -> Array:
    known = column[np.isfinite(column)]
    if not len(known):
        return np.zeros(0)
    return np.unique(np.quantile(known, np.linspace(0, 1, CUTS + 1)[1:-1]))


def _binned(data: Dataset, edges: list[Array]) -> NDArray[np.object_]:
    """Bins of numbers, −1 where missing, beside the categories [n, columns]."""
    bins = [
        np.where(np.isfinite(column), np.searchsorted(cuts, column, side="right"), -1)
        for column, cuts in zip(data.numbers.T, edges, strict=True)
    ]
    numbers = np.stack(bins, axis=1) if bins else np.zeros((len(data), 0), dtype=np.int64)
    return np.concatenate([numbers.astype(str).astype(object), data.texts.astype(object)], axis=1)
