"""CatBoost on the profile alone: a baseline of the run, and what a version falls back on.

Where a lead's behaviour cannot be read, who it is may still be known. The same fit serves both, so
that what the evaluation says of the baseline `static` is what the fallback is worth.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.definition import FeatureDefinition
from domain.scores import Calibrator
from domain.versions.golden_rows import golden_rows, write_golden
from domain.versions.input_profile import profile_inputs, write_profile
from domain.versions.manifest import FALLBACK_FOLDER, MODEL_FILE, TABLE_FILE, Fallback
from training.data import reference_sample
from training.data.dataset import Dataset, columns
from training.model import fit, shap_table
from training.model.calibrate import calibrate

CHECKED_ROWS = 500
"""Rows on which the explanation table is compared with CatBoost's own values."""


@dataclass(frozen=True, slots=True)
class ProfileModel:
    """A fitted model of the columns `names`, and its calibrator."""

    names: tuple[str, ...]
    model: Any
    calibrator: Calibrator

    def chance(self, rows: Dataset) -> NDArray[np.float64]:
        """Calibrated probabilities of rows [n]."""
        return self.calibrator.apply(fit.margins(self.model, columns(rows, self.names)))


def fit_profile(
    definition: FeatureDefinition,
    fitted: Dataset,
    parameters: dict[str, Any],
    seed: int,
    embargo_days: float,
) -> ProfileModel | None:
    """Fit and calibrate as the version is; None where no column of the profile is left."""
    names = tuple(a.name for a in definition.attributes if a.name in fitted.features)
    if not names:
        return None
    narrow = columns(fitted, names)
    model = fit.fit(narrow, parameters, seed)
    predictions = fit.crossed(narrow, parameters, seed)
    return ProfileModel(names, model, calibrate(predictions, seed, embargo_days).calibrator)


def write_fallback(
    model: ProfileModel | None,
    fitted: Dataset,
    test: Dataset,
    fair: NDArray[np.int64],
    golden: int,
    folder: Path,
) -> Fallback | None:
    """Write it into a version's folder, before that is sealed; returns its part of the manifest.

    `fair` are the rows of the test that stand for all, of which the first `golden` are kept. Raises
    Refused where the table is not exact.
    """
    if model is None:
        return None
    within = folder / FALLBACK_FOLDER
    within.mkdir(exist_ok=True)
    training_rows, rows = columns(fitted, model.names), columns(test, model.names)
    model.model.save_model(str(within / MODEL_FILE))
    table = shap_table.build_table(model.model, rows.features)
    some = rows.take(np.arange(min(len(rows), CHECKED_ROWS)))
    shap_table.check_table(table, model.model, fit.pool(some))
    table.save(within / TABLE_FILE)
    kept = rows.take(fair[:golden])
    margins = fit.margins(model.model, kept)
    expected = golden_rows(
        kept.numbers, kept.texts.tolist(), margins, model.calibrator.apply(margins)
    )
    write_golden(expected, within)
    write_profile(
        profile_inputs(training_rows.features, training_rows.numbers, training_rows.texts), within
    )
    return Fallback(
        features=rows.features,
        categories=rows.categories,
        calibrator=model.calibrator,
        quantiles=reference_sample.percentiles(model.chance(test)[fair]),
    )
