"""One training run: from journeys and history to a sealed version in a folder."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.clock import Clock, iso, to_us
from domain.definition import FeatureDefinition
from domain.input_profile import profile_inputs, write_profile
from domain.journeys import Journeys
from domain.measurement import Interval
from domain.versions import (
    MODEL_FILE,
    REFERENCE_FILE,
    TABLE_FILE,
    Lineage,
    Manifest,
    seal,
)
from training import calibrate, card, cutoffs, evaluate, explain, fit, reference
from training import search as searching
from training.config import TrainingConfig
from training.dataset import Dataset, History, build
from training.split import require_both_classes, split_by_time

VALID_SHARE = 0.25
CHECKED_ROWS = 2_000


class Progress(Protocol):
    """Is told where a run stands."""

    def phase(self, text: str) -> None:
        """A new phase begins."""
        ...

    def trial(self, done: int, of: int, best: float) -> None:
        """A trial of the search is done."""
        ...


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a run is made with, besides its data."""

    commit: str
    lock_hash: str


@dataclass(frozen=True, slots=True)
class Parts:
    """The rows of a run: for fitting, for tuning and calibrating, for the final test."""

    train: Dataset
    valid: Dataset
    test: Dataset
    embargoed: int


class Run:
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

    def study_name(self, parts: Parts) -> str:
        """A run with the same rows and settings resumes the same study."""
        told = sha256(self.config.digest().encode())
        for part in (parts.train, parts.valid):
            for column in (part.numbers, part.labels, part.moments):
                told.update(np.ascontiguousarray(column).tobytes())
            told.update("\0".join(part.texts.ravel().tolist()).encode())
        return told.hexdigest()[:16]

    def execute(
        self, folder: Path, studies: Path, provenance: Provenance, progress: Progress
    ) -> Manifest:
        """Train into `folder`; returns the sealed manifest."""
        progress.phase("choosing cutoffs")
        closing = frozenset(o.name for o in self.definition.outcomes if o.closes)
        chosen = cutoffs.choose(self.journeys, self.config, closing)
        progress.phase(f"joining features to {len(chosen.cutoffs):,} cutoffs")
        data = build(self.definition, chosen.cutoffs, self.history, self.config.exclude)
        parts = self._split(data)
        progress.phase(f"searching, {len(data.features)} features, {len(parts.train):,} rows")
        best = self._search(parts, studies, progress)
        progress.phase("fitting and calibrating")
        return self._finish(parts, best, chosen.removed, folder, provenance)

    def _split(self, data: Dataset) -> Parts:
        config = self.config
        outer = split_by_time(data.moments, config.split.test_share, config.embargo_days)
        before = data.take(outer.earlier)
        if not len(before):
            require_both_classes(before.labels, "training")
        inner = split_by_time(before.moments, VALID_SHARE, config.embargo_days, before.groups)
        parts = Parts(
            before.take(inner.earlier),
            before.take(inner.later),
            data.take(outer.later),
            outer.embargoed + inner.embargoed,
        )
        require_both_classes(parts.train.labels, "training")
        require_both_classes(parts.valid.labels, "validation")
        require_both_classes(parts.test.labels, "test")
        return parts

    def _search(self, parts: Parts, studies: Path, progress: Progress) -> dict[str, Any]:
        config = self.config
        name = self.study_name(parts)
        study = searching.open_study(studies / f"{name}.journal", name)
        return searching.search(
            study,
            parts.train,
            parts.valid,
            trials=config.trials,
            fixed={"iterations": config.iterations, "border_count": config.border_count},
            seed=config.seed,
            told=lambda done, best: progress.trial(done, config.trials, best),
        )

    def _finish(
        self,
        parts: Parts,
        best: dict[str, Any],
        removed: dict[str, int],
        folder: Path,
        provenance: Provenance,
    ) -> Manifest:
        """Fit, calibrate, explain, measure, write, seal."""
        folder.mkdir(parents=True, exist_ok=True)
        seed = self.config.seed
        early = fit.fit(parts.train, best, seed)
        calibrator, _ = calibrate.choose(
            fit.margins(early, parts.valid),
            parts.valid.labels.astype(np.float64),
            parts.valid.moments,
        )
        fitted = joined(parts.train, parts.valid)
        model = fit.fit(fitted, best, seed)
        model.save_model(str(folder / MODEL_FILE))
        table = explain.build_table(model, parts.test.features)
        error = explain.check_table(
            table, model, fit.pool(parts.test.take(np.arange(len(parts.test))[:CHECKED_ROWS]))
        )
        table.save(folder / TABLE_FILE)
        chance = calibrator.apply(fit.margins(model, parts.test))
        frame = reference.reference_frame(parts.test, chance, seed)
        reference.write_reference(frame, folder / REFERENCE_FILE)
        write_profile(profile_inputs(fitted.features, fitted.numbers, fitted.texts), folder)
        leaves = np.asarray(model.calc_leaf_indexes(fit.pool(parts.test)), dtype=np.int64)
        importance = np.abs(table.explain(leaves)).mean(axis=0)
        evaluate.draw(
            parts.test.labels,
            chance,
            dict(zip(table.features, importance.tolist(), strict=True)),
            folder / "plots",
        )
        measured = evaluate.evaluate(parts.test.labels, chance, parts.test.groups, seed=seed)
        exact = Interval(value=error, low=error, high=error)
        manifest = Manifest(
            name=self.name,
            created=iso(to_us(self.clock.now())),
            definition=self.definition,
            features=parts.test.features,
            categories=parts.test.categories,
            calibrator=calibrator,
            quantiles=reference.percentiles(chance),
            outcome=self.config.outcome,
            horizon_days=self.config.horizon_days,
            metrics={**measured, "explanation_error": exact},
            counts=_counts(parts, removed, int(model.tree_count_)),
            lineage=self._lineage(provenance),
        )
        (folder / "card.md").write_text(card.model_card(manifest, removed))
        return seal(folder, manifest)

    def _lineage(self, provenance: Provenance) -> Lineage:
        return Lineage(
            watermark_us=self.journeys.watermark_us,
            events=self.journeys.events,
            log_hash=self.journeys.log_hash,
            configuration=self.config.document(),
            configuration_hash=self.config.digest(),
            seed=self.config.seed,
            commit=provenance.commit,
            lock_hash=provenance.lock_hash,
        )


def joined(a: Dataset, b: Dataset) -> Dataset:
    """The rows of both."""

    def rows(column: Callable[[Dataset], NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate([column(a), column(b)])

    return Dataset(
        a.features,
        a.categories,
        rows(lambda d: d.numbers),
        rows(lambda d: d.texts),
        rows(lambda d: d.labels),
        rows(lambda d: d.moments),
        rows(lambda d: d.groups),
    )


def _counts(parts: Parts, removed: dict[str, int], trees: int) -> dict[str, int]:
    return {
        "train_rows": len(parts.train) + len(parts.valid),
        "train_positives": int(parts.train.labels.sum() + parts.valid.labels.sum()),
        "test_rows": len(parts.test),
        "test_positives": int(parts.test.labels.sum()),
        "embargoed": parts.embargoed,
        "features": len(parts.test.features),
        "trees": trees,
        **{f"removed_{rule}": n for rule, n in removed.items()},
    }
