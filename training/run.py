"""One training run: from journeys and history to a sealed version in a folder."""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.clock import Clock, iso, to_us
from domain.definition import FeatureDefinition
from domain.journeys import Journeys
from domain.measurement import Interval
from domain.scores import Calibrator
from domain.versions.golden_rows import GOLDEN_ROWS, GoldenRows, golden_rows, write_golden
from domain.versions.input_profile import profile_inputs, write_profile
from domain.versions.manifest import (
    MODEL_FILE,
    REFERENCE_FILE,
    TABLE_FILE,
    Blended,
    Lineage,
    Manifest,
    Searched,
    seal,
)
from domain.versions.run_record import RunRecord, TrialRecord, write_record
from training import assessment
from training.assessment import ALONE, ComparedWith
from training.config import TrainingConfig
from training.data import cutoffs, data_warnings, leakage, reference_sample
from training.data.account_weights import bounded
from training.data.dataset import Dataset, History, build
from training.data.split import folds, split_by_time
from training.data.unlearnable import (
    RemovedRows,
    refuse_beyond_float32,
    require_both_classes,
    require_outcomes,
)
from training.evaluation.tested_rows import row_numbers, write_test_rows
from training.model import blending, calibrate, fit, shap_table
from training.model import search as searching
from training.model.profile_only_model import fit_profile, write_fallback
from training.model.studies import WarmStart, open_study, remember
from training.report import model_card
from training.report.html_page import page

CHECKED_ROWS = 2_000
PLOTS = "plots"


class TrainingObserver(Protocol):
    """Is told where a run stands, and what it noticed."""

    def phase(self, text: str) -> None:
        """A new phase begins."""
        ...

    def warn(self, text: str) -> None:
        """Something about the data that a person should know."""
        ...

    def trial(self, done: int, of: int, best: float) -> None:
        """A trial of the search is done."""
        ...


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a run is made with, besides its data."""

    commit: str
    lock_hash: str
    libraries: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunRows:
    """The rows of a run.

    `fitted` are all before the test, for the final fit; `folds` cut them by time, for the search.
    No company weighs more than its bound in any of them. `embargoed` and `parted` rows were left
    out between `fitted` and `test`. `test_numbers` [test rows] tell rows of the test apart.
    """

    test: Dataset
    fitted: Dataset
    folds: tuple[fit.Fold, ...]
    embargoed: int
    parted: int
    stand_for: NDArray[np.float64]
    test_numbers: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """The rows of a run, how many each rule removed, and what a person should know of them."""

    parts: RunRows
    removed: dict[str, int]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Studies:
    """Where the search's studies are kept: in a folder, or in a database by its URL.

    `worker` is 0 for a process that is alone, else a number of its own.
    """

    folder: Path
    url: str = ""
    warmth: WarmStart | None = None
    worker: int = 0


class TrainingRun:
    """Everything a run is given; `execute` does it."""

    def __init__(
        self,
        name: str,
        config: TrainingConfig,
        definition: FeatureDefinition,
        journeys: Journeys,
        history: History,
        clock: Clock,
    ) -> None:
        self.name = name
        self.config = config
        self.definition = definition
        self.journeys = journeys
        self.history = history
        self.clock = clock

    def study_name(self, parts: RunRows) -> str:
        """A run with the same rows and settings resumes the same study."""
        told, rows = sha256(self.config.digest().encode()), parts.fitted
        for column in (rows.numbers, rows.labels, rows.moments, rows.groups, rows.weights):
            told.update(np.ascontiguousarray(column).tobytes())
        told.update("\0".join(rows.texts.ravel().tolist()).encode())
        return told.hexdigest()[:16]

    def execute(
        self,
        folder: Path,
        studies: Studies,
        provenance: Provenance,
        progress: TrainingObserver,
        against: ComparedWith = ALONE,
    ) -> Manifest:
        """Train into `folder`, beside what it is held `against`; returns the sealed manifest.

        Raises Refused where the leakage guard names a feature that has no waiver.
        """
        began = to_us(self.clock.now()) // 1000
        prepared = self.prepare(progress)
        best, searched, trials = self._search(prepared.parts, studies, progress, folder / PLOTS)
        write_record(RunRecord(started_ms=began, trials=trials), folder)
        progress.phase("fitting and calibrating")
        made = self._finish(prepared, best, searched, folder, provenance, against)
        for text in made.warnings[len(prepared.warnings) :]:
            progress.warn(text)
        return made

    def search_only(self, studies: Studies, progress: TrainingObserver) -> Searched:
        """Take part in the search that another process's run does; returns what it found so far."""
        return self._search(self.prepare(progress).parts, studies, progress, None)[1]

    def prepare(self, progress: TrainingObserver) -> PreparedRun:
        """Choose cutoffs, join features, look for leaks and traps, split."""
        progress.phase("choosing cutoffs")
        closing = frozenset(o.name for o in self.definition.outcomes if o.closes)
        chosen = cutoffs.choose(self.journeys, self.config, closing)
        progress.phase(f"joining features to {len(chosen.cutoffs):,} cutoffs")
        aside = [group.feature for group in self.config.fairness.groups]
        data = build(self.definition, chosen.cutoffs, self.history, self.config.exclude, aside)
        refuse_beyond_float32(data)
        require_outcomes(data, self.config)
        noticed = data_warnings.notice(chosen.cutoffs, self.journeys, self.config)
        warnings = [trap.text for trap in noticed]
        eventual = np.array([c.eventual for c in chosen.cutoffs], dtype=np.int64)
        warnings += data_warnings.unknown_accounts(self.config, chosen.removed)
        warnings += leakage.waived(leakage.screen(data, eventual), self.config.waivers)
        for text in warnings:
            progress.warn(text)
        return PreparedRun(
            self._split(data, row_numbers(chosen.cutoffs)), chosen.removed, tuple(warnings)
        )

    def _split(self, data: Dataset, numbers: NDArray[np.int64]) -> RunRows:
        share, embargo = self.config.split.test_share, self.config.embargo_days
        outer = split_by_time(data.moments, share, embargo, data.groups)
        most = self.config.max_account_share
        before = data.take(outer.earlier, outer.earlier_weights)
        test = data.take(outer.later, outer.later_weights)
        cut = folds(before.moments, self.config.split.folds, embargo, before.groups)
        took = RemovedRows(outer.embargoed, outer.parted)
        if not cut:
            require_both_classes(before.take(np.arange(0)), "training", data, took)
        each = [
            (
                bounded(before.take(one.earlier, one.earlier_weights), most),
                bounded(before.take(one.later, one.later_weights), most),
            )
            for one in cut
        ]
        train, valid = each[-1]
        inner = RemovedRows(cut[-1].embargoed, cut[-1].parted)
        require_both_classes(train, "training", before, inner)
        require_both_classes(valid, "validation", before, inner)
        require_both_classes(test, "test", data, took)
        data_warnings.refuse_one_company(test)
        sound = tuple(pair for pair in each if all(len(np.unique(p.labels)) == 2 for p in pair))
        return RunRows(
            test=test,
            fitted=bounded(before, most),
            folds=sound,
            embargoed=outer.embargoed,
            parted=outer.parted,
            stand_for=outer.later_weights,
            test_numbers=numbers[outer.later],
        )

    def _search(
        self, parts: RunRows, studies: Studies, progress: TrainingObserver, plots: Path | None
    ) -> tuple[dict[str, Any], Searched, tuple[TrialRecord, ...]]:
        config, name = self.config, self.study_name(parts)
        rows, count = len(parts.fitted), len(parts.fitted.features)
        progress.phase(f"searching, {count} features, {rows:,} rows, {len(parts.folds)} folds")
        study = open_study(studies.folder, name, studies.url)
        best = searching.search(
            study,
            parts.folds,
            trials=config.trials,
            fixed={"iterations": config.iterations, "border_count": config.border_count},
            seed=config.seed,
            told=lambda done, best: progress.trial(done, config.trials, best),
            warmth=studies.warmth,
            worker=studies.worker,
        )
        remember(
            studies.folder, config.outcome, WarmStart(study=name, parameters=study.best_params)
        )
        if plots is not None:
            searching.draw(study, plots)
        warmth = searching.warmed_by(study)
        searched = Searched(
            study=name,
            parameters=best,
            warmed_by="" if warmth is None else warmth.study,
            warm_parameters={} if warmth is None else warmth.parameters,
        )
        return best, searched, searching.trials_of(study)

    def _finish(
        self,
        prepared: PreparedRun,
        best: dict[str, Any],
        searched: Searched,
        folder: Path,
        provenance: Provenance,
        against: ComparedWith,
    ) -> Manifest:
        """Fit, calibrate, explain, measure, write, seal."""
        parts, removed = prepared.parts, prepared.removed
        folder.mkdir(parents=True, exist_ok=True)
        seed = self.config.seed
        fitted = parts.fitted
        model, told, blended = self._fitted(parts, best)
        made = calibrate.calibrate(told, seed, self.config.embargo_days)
        calibrator = made.calibrator
        model.save_model(str(folder / MODEL_FILE))
        table = shap_table.build_table(model, parts.test.features)
        error = shap_table.check_table(
            table, model, fit.pool(parts.test.take(np.arange(len(parts.test))[:CHECKED_ROWS]))
        )
        table.save(folder / TABLE_FILE)
        chance = calibrator.apply(fit.margins(model, parts.test))
        fair = reference_sample.fair_rows(parts.stand_for, seed)
        frame = reference_sample.reference_frame(parts.test.take(fair), chance[fair], seed)
        reference_sample.write_reference(frame, folder / REFERENCE_FILE)
        write_golden(_golden(parts.test.take(fair[:GOLDEN_ROWS]), model, calibrator), folder)
        write_test_rows(parts.test_numbers, parts.test, chance, folder)
        write_profile(profile_inputs(fitted.features, fitted.numbers, fitted.texts), folder)
        leaves = np.asarray(model.calc_leaf_indexes(fit.pool(parts.test)), dtype=np.int64)
        importance = np.abs(table.explain(leaves)).mean(axis=0)
        rows = assessment.AssessedRows(parts.folds, fitted, parts.test)
        profile = fit_profile(self.definition, fitted, best, seed, self.config.embargo_days)
        others = assessment.rivals(self.config, self.definition, rows, profile, against.champion)
        done = assessment.assess(self.config, parts.test, chance, others, against.grades)
        moving = dict(zip(table.features, importance.tolist(), strict=True))
        assessment.write(done, self.name, moving, folder)
        exact = Interval(value=error, low=error, high=error)
        manifest = Manifest(
            name=self.name,
            created=iso(to_us(self.clock.now())),
            definition=self.definition,
            features=parts.test.features,
            categories=parts.test.categories,
            calibrator=calibrator,
            calibrator_gains=made.gains,
            quantiles=reference_sample.percentiles(chance[fair]),
            outcome=self.config.outcome,
            horizon_days=self.config.horizon_days,
            metrics={**done.metrics, "explanation_error": exact},
            counts={**_counts(parts, removed, int(model.tree_count_)), **done.counts},
            lineage=self.lineage(provenance, searched),
            warnings=(*prepared.warnings, *done.warnings),
            blended=blended,
            fallback=write_fallback(profile, fitted, parts.test, fair, GOLDEN_ROWS, folder),
        )
        text = model_card.model_card(manifest, removed, done.evaluation, done.audit)
        (folder / "card.md").write_text(text, encoding="utf-8")
        (folder / "card.html").write_text(page(f"Model card: {self.name}", text), encoding="utf-8")
        return seal(folder, manifest)

    def _fitted(
        self, parts: RunRows, best: dict[str, Any]
    ) -> tuple[Any, fit.OutOfFold, Blended | None]:
        """The model, what its like told of rows not seen, and the blend if one was asked for."""
        seed = self.config.seed
        model, told = fit.fit(parts.fitted, best, seed), fit.crossed(parts.fitted, best, seed)
        if not self.config.blend:
            return model, told, None
        other = blending.scorecard_of(best)
        later = [fit.across(parts.folds, each, seed) for each in (best, other)]
        found = blending.weigh(later[0], later[1], seed)
        if not found.scorecard:
            return model, told, found
        scorecard = fit.fit(parts.fitted, other, seed)
        points = fit.crossed(parts.fitted, other, seed)
        return blending.summed(model, scorecard, found), blending.mixed(told, points, found), found

    def lineage(self, provenance: Provenance, searched: Searched | None = None) -> Lineage:
        """What it is made from."""
        return Lineage(
            watermark_us=self.journeys.watermark_us,
            events=self.journeys.events,
            log_hash=self.journeys.log_hash,
            configuration=self.config.document(),
            configuration_hash=self.config.digest(),
            seed=self.config.seed,
            commit=provenance.commit,
            lock_hash=provenance.lock_hash,
            libraries=provenance.libraries,
            searched=searched,
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
