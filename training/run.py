"""One training run: from journeys and history to a sealed version in a folder."""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from domain.clock import Clock, iso, to_us
from domain.definition import FeatureDefinition
from domain.journeys import Journeys
from domain.versions.manifest import Lineage, Manifest, Searched
from domain.versions.run_record import RunRecord, TrialRecord, write_record
from training.assessment import ALONE, ComparedWith
from training.config import TrainingConfig
from training.data import cutoffs, data_warnings, leakage
from training.data.dataset import History, build
from training.data.run_rows import RunRows, split_rows
from training.data.unlearnable import refuse_beyond_float32, require_outcomes
from training.evaluation.tested_rows import row_numbers
from training.model import search as searching
from training.model.studies import WarmStart, open_study, remember
from training.sealed_version import VersionOrigin, assess, explain, fit_version, write_version

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
        digest, rows = sha256(self.config.digest().encode()), parts.fitted
        for column in (rows.numbers, rows.labels, rows.moments, rows.groups, rows.weights):
            digest.update(np.ascontiguousarray(column).tobytes())
        digest.update("\0".join(rows.texts.ravel().tolist()).encode())
        return digest.hexdigest()[:16]

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
        rows, definition = prepared.parts, self.definition
        fitted = fit_version(rows, best, self.config, definition)
        explained = explain(fitted, rows.test)
        assessed = assess(fitted, rows, self.config, definition, against)
        origin = self._origin(prepared, self.lineage(provenance, searched))
        manifest = write_version(fitted, explained, assessed, rows, self.config, origin, folder)
        for text in assessed.warnings:
            progress.warn(text)
        return manifest

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
            split_rows(data, row_numbers(chosen.cutoffs), self.config),
            chosen.removed,
            tuple(warnings),
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
            on_trial=lambda done, best: progress.trial(done, config.trials, best),
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

    def _origin(self, prepared: PreparedRun, lineage: Lineage) -> VersionOrigin:
        return VersionOrigin(
            name=self.name,
            created=iso(to_us(self.clock.now())),
            definition=self.definition,
            lineage=lineage,
            removed=prepared.removed,
            warnings=prepared.warnings,
        )

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
