"""From the best parameters to a sealed version: fitted, explained, assessed, written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.definition import FeatureDefinition
from domain.measurement import Interval
from domain.scores import Calibrator
from domain.versions.explanation_table import ExplanationTable
from domain.versions.golden_rows import GOLDEN_ROWS, GoldenRows, golden_rows, write_golden
from domain.versions.input_profile import profile_inputs, write_profile
from domain.versions.manifest import (
    LEADS_FILE,
    MODEL_FILE,
    REFERENCE_FILE,
    TABLE_FILE,
    Blended,
    Lineage,
    Manifest,
    seal,
)
from training import assessment
from training.assessment import AssessedRows, Assessment, ComparedWith
from training.config import TrainingConfig
from training.data import reference_sample
from training.data.dataset import Dataset
from training.data.run_rows import RunRows
from training.data.scored_leads import leads_frame
from training.evaluation.tested_rows import write_test_rows
from training.model import blending, calibrate, fit, shap_table
from training.model.calibrate import Calibrated
from training.model.profile_only_model import ProfileModel, fit_profile, write_fallback
from training.report import model_card
from training.report.html_page import page

CHECKED_ROWS = 2_000
Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FittedVersion:
    """A model, its calibrator, and what both say of the test.

    `chance` [test rows] are probabilities; `fair` are places of test rows that stand for all.
    `profile` is the model that knows an account's attributes alone, where there are some.
    """

    model: Any
    calibrated: Calibrated
    blended: Blended | None
    profile: ProfileModel | None
    chance: NDArray[np.float64]
    fair: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Explained:
    """SHAP values by leaf, their largest error, and each feature's mean influence on the test."""

    table: ExplanationTable
    error: float
    importance: dict[str, float]


@dataclass(frozen=True, slots=True)
class VersionOrigin:
    """What a version is named, what it is of, and what it was made from."""

    name: str
    created: str
    definition: FeatureDefinition
    lineage: Lineage
    removed: dict[str, int]
    warnings: tuple[str, ...]


def fit_version(
    rows: RunRows, best: dict[str, Any], config: TrainingConfig, definition: FeatureDefinition
) -> FittedVersion:
    """Fit and calibrate on all rows before the test."""
    model, held_out, blended = _fitted(rows, best, config)
    calibrated = calibrate.calibrate(held_out, config.seed, config.embargo_days)
    return FittedVersion(
        model=model,
        calibrated=calibrated,
        blended=blended,
        profile=fit_profile(definition, rows.fitted, best, config.seed, config.embargo_days),
        chance=calibrated.calibrator.apply(fit.margins(model, rows.test)),
        fair=reference_sample.fair_rows(rows.stand_for, config.seed),
    )


def explain(fitted: FittedVersion, test: Dataset) -> Explained:
    """Build the table of explanations, check it, and weigh the features by it."""
    table = shap_table.build_table(fitted.model, test.features)
    checked = test.take(np.arange(len(test))[:CHECKED_ROWS])
    error = shap_table.check_table(table, fitted.model, fit.pool(checked))
    leaves = np.asarray(fitted.model.calc_leaf_indexes(fit.pool(test)), dtype=np.int64)
    importance = np.abs(table.explain(leaves)).mean(axis=0)
    return Explained(table, error, dict(zip(table.features, importance.tolist(), strict=True)))


def assess(
    fitted: FittedVersion,
    rows: RunRows,
    config: TrainingConfig,
    definition: FeatureDefinition,
    against: ComparedWith,
) -> Assessment:
    """Measure it on the test, beside its rivals and the champion."""
    assessed = AssessedRows(rows.folds, rows.fitted, rows.test)
    rivals = assessment.rivals(config, definition, assessed, fitted.profile, against.champion)
    return assessment.assess(config, rows.test, fitted.chance, rivals, against.grades)


def write_version(
    fitted: FittedVersion,
    explained: Explained,
    assessed: Assessment,
    rows: RunRows,
    config: TrainingConfig,
    origin: VersionOrigin,
    folder: Path,
) -> Manifest:
    """Write all that serving and people need into the folder, and seal it."""
    folder.mkdir(parents=True, exist_ok=True)
    fitted.model.save_model(str(folder / MODEL_FILE))
    explained.table.save(folder / TABLE_FILE)
    _write_rows(fitted, rows, config.seed, folder)
    assessment.write(assessed, origin.name, explained.importance, folder)
    manifest = _manifest(fitted, explained, assessed, rows, config, origin, folder)
    text = model_card.model_card(manifest, origin.removed, assessed.evaluation, assessed.audit)
    (folder / "card.md").write_text(text, encoding="utf-8")
    (folder / "card.html").write_text(page(f"Model card: {origin.name}", text), encoding="utf-8")
    return seal(folder, manifest)


def _write_rows(version: FittedVersion, rows: RunRows, seed: int, folder: Path) -> None:
    """What later runs hold their inputs and answers against."""
    test, fitted, fair = rows.test, rows.fitted, version.fair
    frame = reference_sample.reference_frame(test.take(fair), version.chance[fair], seed)
    reference_sample.write_reference(frame, folder / REFERENCE_FILE)
    chance = version.calibrated.calibrator.apply(fit.margins(version.model, rows.leads))
    leads = leads_frame(rows.leads, chance, rows.test_us, seed)
    reference_sample.write_reference(leads, folder / LEADS_FILE)
    golden = _golden(test.take(fair[:GOLDEN_ROWS]), version.model, version.calibrated.calibrator)
    write_golden(golden, folder)
    write_test_rows(rows.test_numbers, test, version.chance, folder)
    write_profile(profile_inputs(fitted.features, fitted.numbers, fitted.texts), folder)


def _manifest(
    fitted: FittedVersion,
    explained: Explained,
    assessed: Assessment,
    rows: RunRows,
    config: TrainingConfig,
    origin: VersionOrigin,
    folder: Path,
) -> Manifest:
    test, fair, error = rows.test, fitted.fair, explained.error
    exact = Interval(value=error, low=error, high=error)
    return Manifest(
        name=origin.name,
        created=origin.created,
        definition=origin.definition,
        features=test.features,
        categories=test.categories,
        calibrator=fitted.calibrated.calibrator,
        calibrator_gains=fitted.calibrated.gains,
        quantiles=reference_sample.percentiles(fitted.chance[fair]),
        outcome=config.outcome,
        horizon_days=config.horizon_days,
        metrics={**assessed.metrics, "explanation_error": exact},
        counts={
            **_counts(rows, origin.removed, int(fitted.model.tree_count_)),
            **assessed.counts,
        },
        lineage=origin.lineage,
        warnings=(*origin.warnings, *assessed.warnings),
        blended=fitted.blended,
        fallback=write_fallback(fitted.profile, rows.fitted, test, fair, GOLDEN_ROWS, folder),
    )


def _fitted(
    parts: RunRows, best: dict[str, Any], config: TrainingConfig
) -> tuple[Any, fit.OutOfFold, Blended | None]:
    """The model, what its like told of rows not seen, and the blend if one was asked for."""
    seed = config.seed
    model, predictions = fit.fit(parts.fitted, best, seed), fit.crossed(parts.fitted, best, seed)
    if not config.blend:
        return model, predictions, None
    other = blending.scorecard_of(best)
    later = [fit.across(parts.folds, each, seed) for each in (best, other)]
    blended = blending.weigh(later[0], later[1], seed)
    if not blended.scorecard:
        return model, predictions, blended
    scorecard = fit.fit(parts.fitted, other, seed)
    points = fit.crossed(parts.fitted, other, seed)
    return (
        blending.summed(model, scorecard, blended),
        blending.mixed(predictions, points, blended),
        blended,
    )


def _golden(rows: Dataset, model: Any, calibrator: Calibrator) -> GoldenRows:
    margins = fit.margins(model, rows)
    return golden_rows(rows.numbers, rows.texts.tolist(), margins, calibrator.apply(margins))


def _counts(parts: RunRows, removed: dict[str, int], trees: int) -> dict[str, int]:
    return {
        "train_rows": len(parts.fitted),
        "train_positives": int(parts.fitted.labels.sum()),
        "test_rows": len(parts.test),
        "test_positives": int(parts.test.labels.sum()),
        "embargoed": parts.embargoed,
        "parted": parts.parted,
        "features": len(parts.test.features),
        "unwaived_leaks": 0,  # the guard lets no run come so far that has any
        "trees": trees,
        **{f"removed_{rule}": n for rule, n in removed.items()},
    }
