"""The last step of a run: a version is measured, drawn and audited; its folder holds it all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.definition import FeatureDefinition
from domain.measurement import Interval, together
from domain.versions.measured import BEATEN, DIFFERENCES, LOWER_IS_BETTER, REGISTERED
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.evaluation import baselines, fairness
from training.evaluation.baselines import Champion, Scores
from training.evaluation.evaluate import GradeCuts, evaluate
from training.evaluation.fairness import FAIRNESS_FILE, FairnessReport
from training.evaluation.results import EVALUATION_FILE, Evaluation, Rival
from training.model.fit import Fold
from training.model.profile_only_model import ProfileModel
from training.report.charts import charts
from training.report.charts_html import figures_html
from training.report.charts_png import write_png
from training.report.fairness_page import audit_page
from training.report.html_page import page

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ComparedWith:
    """What a version is held against besides its test: grades of the policy, the champion."""

    grades: GradeCuts = ()
    champion: Champion | None = None


ALONE = ComparedWith()
"""Neither grades nor champion."""


@dataclass(frozen=True, slots=True)
class AssessedRows:
    """The rows that a version was made from, the folds they were cut into, and the test's."""

    folds: Sequence[Fold]
    fitted: Dataset
    test: Dataset


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was found. `metrics` and `counts` are those to be registered.

    `warnings` say in sentences what a gate will refuse, before anybody asks it.
    """

    metrics: dict[str, Interval]
    counts: dict[str, int]
    warnings: tuple[str, ...]
    evaluation: Evaluation
    audit: FairnessReport | None


def rivals(
    config: TrainingConfig,
    definition: FeatureDefinition,
    rows: AssessedRows,
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
    grades: GradeCuts = (),
) -> Assessment:
    """Measure probabilities [n] of a test beside baselines, and audit their groups."""
    evaluation = evaluate(test, chance, others, seed=config.seed, grades=grades)
    fairness_config = config.fairness
    audit = (
        fairness.audit(fairness_config, test, chance, seed=config.seed)
        if fairness_config.groups
        else None
    )
    metrics = {
        defined_metrics: evaluation.metrics[defined_metrics] for defined_metrics in REGISTERED
    }
    for rival in evaluation.rivals:
        for measure in DIFFERENCES.get(rival.name, ()):
            if measure in rival.over:
                metrics[f"{measure}_over_{rival.name}"] = rival.over[measure]
    metrics |= audit.metrics() if audit else {}
    counts = {"grades_inverted": len(evaluation.inverted)} if grades else {}
    defined_metrics = {k: v for k, v in metrics.items() if _whole(v)}
    return Assessment(
        defined_metrics, counts, (*_falling(evaluation), *_beaten(evaluation)), evaluation, audit
    )


def _falling(evaluation: Evaluation) -> Iterator[str]:
    """Grades that are shown to fall."""
    rate = {band.name: band.observed.value for band in evaluation.grades}
    for better, other in evaluation.inverted:
        yield (
            f"Grade {better} converts less than {other} on the test: {rate[better]:.1%} and "
            f"{rate[other]:.1%}, further apart than chance makes grades that convert alike."
        )


def _beaten(evaluation: Evaluation) -> Iterator[str]:
    """Baselines that are shown to be better, and a prior that is no worse."""
    for baseline, measures in beaten_by(evaluation.rivals).items():
        yield f"The baseline {baseline} is better on the test by {', '.join(measures)}."
    for rival in evaluation.rivals:
        if rival.name == "prior" and rival.over and rival.over["brier"].value >= 0:
            yield "Its Brier score on the test is no better than that of one rate for everyone."


def beaten_by(rivals: Sequence[Rival]) -> dict[str, list[str]]:
    """The baselines that are shown to be better, and by which measures.

    All differences together hold with the level of each, as the gate `no_baseline_beats` asks.
    """
    over = [
        (rival.name, measure, rival.over[measure])
        for rival in rivals
        if rival.name in ("scorecard", "static")
        for measure in BEATEN
        if measure in rival.over and _whole(rival.over[measure])
    ]
    better: dict[str, list[str]] = {}
    wide = together([alone for *_, alone in over])
    for (baseline, measure, _), interval in zip(over, wide, strict=True):
        if interval.low > 0 if measure in LOWER_IS_BETTER else interval.high < 0:
            better.setdefault(baseline, []).append(measure)
    return better


def write(done: Assessment, name: str, importance: Mapping[str, float], folder: Path) -> None:
    """Write what was found: JSON, pictures, an interactive page, the audit."""
    _json(done.evaluation, folder / EVALUATION_FILE)
    pictures = charts(done.evaluation, importance)
    write_png(pictures, folder / "plots")
    heading = f"# Evaluation: {name}\n\nOn the last part of time; bounds are 95%, by account.\n"
    (folder / "evaluation.html").write_text(
        page(f"Evaluation: {name}", heading, figures_html(pictures)), encoding="utf-8"
    )
    if done.audit is not None:
        _json(done.audit, folder / FAIRNESS_FILE)
        text = audit_page(name, done.audit)
        (folder / "fairness.md").write_text(text, encoding="utf-8")
        (folder / "fairness.html").write_text(page(f"Audit: {name}", text), encoding="utf-8")


def _whole(interval: Interval) -> bool:
    """Whether there is a number and both its bounds: what is undefined was not measured."""
    return bool(np.isfinite([interval.value, interval.low, interval.high]).all())


def _json(document: msgspec.Struct, path: Path) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)))
