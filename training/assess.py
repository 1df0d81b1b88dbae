"""The last step of a run: a version is measured, drawn and audited; its folder holds it all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.definition import FeatureDefinition
from domain.measurement import Interval
from training import baselines, fairness
from training.audit_page import audit_page
from training.baselines import Champion, Scores
from training.charts import charts
from training.charts_html import figures_html
from training.charts_png import write_png
from training.config import TrainingConfig
from training.dataset import Dataset
from training.evaluate import Grades, evaluate
from training.evaluation import EVALUATION_FILE, Evaluation
from training.fairness import FAIRNESS_FILE, FairnessReport
from training.fit import Fold
from training.page import page
from training.profile_model import ProfileModel

Array = NDArray[np.float64]

REGISTERED = (
    "auroc",
    "average_precision",
    "brier",
    "log_loss",
    "calibration_error",
    "lift_at_10pct",
    "precision_at_10pct",
    "recall_at_10pct",
)
"""What is registered with a version; `evaluation.json` holds the rest."""

DIFFERENCES = {"static": ("auroc",), "champion": ("auroc", "log_loss", "brier")}
"""Which differences to a baseline are registered too, as `auroc_over_static` and so on."""


@dataclass(frozen=True, slots=True)
class Against:
    """What a version is held against besides its test: grades of the policy, the champion."""

    grades: Grades = ()
    champion: Champion | None = None


ALONE = Against()
"""Neither grades nor champion."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that a version was made from, the folds they were cut into, and the test's."""

    folds: Sequence[Fold]
    fitted: Dataset
    test: Dataset


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was found. `metrics` are those to be registered."""

    metrics: dict[str, Interval]
    evaluation: Evaluation
    audit: FairnessReport | None


def rivals(
    config: TrainingConfig,
    definition: FeatureDefinition,
    rows: Rows,
    profile: ProfileModel | None,
    champion: Champion | None,
) -> list[Scores]:
    """The baselines, trained on what the version was trained on."""
    return [
        baselines.prior(rows.fitted, rows.test),
        baselines.scorecard(rows.fitted, rows.test),
        baselines.static(profile, rows.test),
        baselines.reigning(champion, definition, rows.test, config.outcome, config.horizon_days),
    ]


def assess(
    config: TrainingConfig,
    test: Dataset,
    chance: Array,
    others: Sequence[Scores],
    grades: Grades = (),
) -> Assessment:
    """Measure probabilities [n] of a test beside baselines, and audit their groups."""
    found = evaluate(test, chance, others, seed=config.seed, grades=grades)
    asked = config.fairness
    audit = fairness.audit(asked, test, chance, seed=config.seed) if asked.groups else None
    metrics = {held: found.metrics[held] for held in REGISTERED}
    for rival in found.rivals:
        for measure in DIFFERENCES.get(rival.name, ()):
            if measure in rival.over:
                metrics[f"{measure}_over_{rival.name}"] = rival.over[measure]
    metrics |= audit.metrics() if audit else {}
    return Assessment({k: v for k, v in metrics.items() if _whole(v)}, found, audit)


def write(done: Assessment, name: str, importance: Mapping[str, float], folder: Path) -> None:
    """Write what was found: JSON, pictures, an interactive page, the audit."""
    _json(done.evaluation, folder / EVALUATION_FILE)
    pictures = charts(done.evaluation, importance)
    write_png(pictures, folder / "plots")
    told = f"# Evaluation: {name}\n\nOn the last part of time; bounds are 95%, by account.\n"
    (folder / "evaluation.html").write_text(
        page(f"Evaluation: {name}", told, figures_html(pictures)), encoding="utf-8"
    )
    if done.audit is not None:
        _json(done.audit, folder / FAIRNESS_FILE)
        text = audit_page(name, done.audit)
        (folder / "fairness.md").write_text(text, encoding="utf-8")
        (folder / "fairness.html").write_text(page(f"Audit: {name}", text), encoding="utf-8")


def _whole(held: Interval) -> bool:
    """Whether there is a number and both its bounds: what is undefined was not measured."""
    return bool(np.isfinite([held.value, held.low, held.high]).all())


def _json(held: msgspec.Struct, path: Path) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(held)))
