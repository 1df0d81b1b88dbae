"""Training, put together: from the log to a registered candidate."""

import os
import subprocess
import time
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

from config.home_definition import definition_of
from config.settings import Settings
from domain.clock import DAY, SystemClock, to_us
from domain.definition import FeatureDefinition
from domain.errors import LeadscoreError
from domain.findings import QualityFindings
from domain.versions.manifest import MANIFEST, ModelVersion, Searched, file_hash
from feature_repo.quality import check_frame, feature_schema
from jobs.interrupts import hold_interrupts
from jobs.models.account_names import NamingProgress
from jobs.models.measure_serving_cost import measure
from jobs.signals.quality_report import store
from jobs.signals.replay_log import replay_history
from registry.store import Registry
from signals.replay.snapshot_schedule import SnapshotSchedule
from training.assessment import ComparedWith
from training.config import After, Every, TrainingConfig
from training.data.dataset import History
from training.evaluation.baselines import Champion
from training.model.studies import last_study
from training.run import Provenance, Studies, TrainingObserver, TrainingRun
from wiring.decisions import open_policy
from wiring.features import open_features
from wiring.lineage import open_teller
from wiring.quality import load_quality
from wiring.registry import MODEL, open_registry
from wiring.scratch_home import scratch_home
from wiring.signals import open_signals

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).parents[2]
LIBRARIES = ("catboost", "duckdb", "feast", "numpy", "optuna", "pandas", "scikit-learn", "scipy")
"""Those that the numbers of a version depend on."""


def train(
    settings: Settings, config: TrainingConfig, progress: TrainingObserver, by: str
) -> ModelVersion:
    """Replay the log, train, and register what came out as a candidate."""
    teller = open_teller(settings)
    progress = NamingProgress(progress, open_signals(settings).engine)
    with scratch_home(settings, definition_of(settings), "training") as scratch:
        folder = scratch.home / "version"
        with teller.run("train") as lineage_run:
            run = prepared(scratch, config, progress)
            origin = provenance()
            lineage_run.add_log(run.lineage(origin))
            run.execute(folder, studies(settings, config), origin, progress, against(settings))
            progress.phase("measuring and registering")
            measure(folder, time.perf_counter)
            sealed = file_hash(folder / MANIFEST)
            lineage_run.add_output(f"trained/{MODEL}", sealed)
        hold_interrupts()
        with teller.run("register") as lineage_run:
            lineage_run.add_input(f"trained/{MODEL}", sealed)
            version = open_registry(settings).register(folder, run_id=None, by=by)
            lineage_run.add_output(f"models/{MODEL}", version.label)
            return version


def against(settings: Settings) -> ComparedWith:
    """What a version is held against: the grades of the policy in force, and the champion."""
    registry = open_registry(settings)
    label = registry.standing().champion
    champion = None if label is None else Champion(label, _files(registry, label))
    return ComparedWith(open_policy(settings).grades, champion)


def _files(registry: Registry, label: str) -> Path | None:
    """A version's folder, or None where it cannot be had whole: then another is needed the more."""
    try:
        return registry.fetch(label)[0]
    except LeadscoreError:
        return None


def take_part(settings: Settings, config: TrainingConfig, progress: TrainingObserver) -> Searched:
    """Work on the search of a run that other processes do too; register nothing."""
    with scratch_home(settings, definition_of(settings), "training") as scratch:
        run = prepared(scratch, config, progress)
        return run.search_only(studies(settings, config), progress)


def studies(settings: Settings, config: TrainingConfig) -> Studies:
    """Where the search is kept, and what it begins with."""
    folder = settings.home / "studies"
    warmth = last_study(folder, config.outcome) if config.warm_start else None
    return Studies(folder, settings.studies_url, warmth, os.getpid() if settings.studies_url else 0)


def prepared(
    settings: Settings,
    config: TrainingConfig,
    progress: TrainingObserver,
    through: int | None = None,
) -> TrainingRun:
    """A run on the log of a scratch home; `through`: on the first so many events that arrived."""
    plane = open_signals(settings)
    progress.phase("replaying the log")
    anchors = config.cutoffs.types if isinstance(config.cutoffs, After) else ()
    journeys = replay_history(settings, plane, anchors, through, _looks(config))
    features = open_features(settings, plane.definition)
    history = checked(settings, plane.definition, features.history)
    return TrainingRun(MODEL, config, plane.definition, journeys, history, SystemClock())


def _looks(config: TrainingConfig) -> SnapshotSchedule | None:
    """The moments of all cutoffs, where the rule gives them before the log is read."""
    rule = config.cutoffs
    if not isinstance(rule, Every):
        return None
    begin = None if config.begin is None else to_us(config.begin)
    return SnapshotSchedule(int(rule.days * DAY), begin, int(config.horizon_days * DAY))


def checked(settings: Settings, definition: FeatureDefinition, history: History) -> History:
    """The history, its frames checked against the features' rules before anyone learns of them.

    Findings are kept with the home's. Raises Refused where features are out of range.
    """
    schema = feature_schema(definition, load_quality(settings.home).features)

    def read(
        leads: Sequence[str], accounts: Sequence[str], moments_us: Sequence[int]
    ) -> "pd.DataFrame":
        frame, findings = history(leads, accounts, moments_us), QualityFindings()
        try:
            check_frame(frame, schema, findings, definition.label)
        finally:
            store(settings, findings)
        return frame

    return read


def provenance() -> Provenance:
    """The commit of the code, "" outside a checkout, the lock file's hash, and the libraries."""
    lock = ROOT / "requirements" / "lock.txt"
    return Provenance(
        commit=_commit(),
        lock_hash=sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "",
        libraries={name: installed(name) for name in LIBRARIES},
    )


def _commit() -> str:
    try:
        commit = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit.stdout.strip()
