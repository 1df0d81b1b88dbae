"""Training, put together: from the log to a registered candidate."""

import subprocess
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from domain.clock import SystemClock
from domain.definition import FeatureDefinition
from domain.findings import Findings
from domain.versions import ModelVersion
from feature_repo.quality import check_frame, feature_schema
from training.config import After, TrainingConfig
from training.dataset import History
from training.run import Progress, Provenance, Run
from wiring.features import open_features
from wiring.quality import load_quality
from wiring.quality_store import store
from wiring.registry import MODEL, open_registry
from wiring.settings import Settings
from wiring.signals import open_signals, replay_history

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).parents[1]


def train(settings: Settings, config: TrainingConfig, progress: Progress, by: str) -> ModelVersion:
    """Replay the log, train, and register what came out as a candidate."""
    plane = open_signals(settings)
    progress.phase("replaying the log")
    anchors = config.cutoffs.types if isinstance(config.cutoffs, After) else ()
    journeys = replay_history(settings, plane, anchors)
    features = open_features(settings, plane.definition)
    history = checked(settings, plane.definition, features.history)
    run = Run(MODEL, config, plane.definition, journeys, history, SystemClock())
    with tempfile.TemporaryDirectory(dir=settings.home, prefix="training-") as scratch:
        folder = Path(scratch) / "version"
        run.execute(folder, settings.home / "studies", provenance(), progress)
        progress.phase("registering")
        return open_registry(settings).register(folder, run_id=None, by=by)


def checked(settings: Settings, definition: FeatureDefinition, history: History) -> History:
    """The history, its frames checked against the features' rules before anyone learns of them.

    Findings are kept with the home's. Raises Refused where features are out of range.
    """
    schema = feature_schema(definition, load_quality(settings.home).features)

    def read(
        leads: Sequence[str], accounts: Sequence[str], moments_us: Sequence[int]
    ) -> "pd.DataFrame":
        frame, found = history(leads, accounts, moments_us), Findings()
        try:
            check_frame(frame, schema, found, definition.label)
        finally:
            store(settings, found)
        return frame

    return read


def provenance() -> Provenance:
    """The commit of the code, "" outside a checkout, and the hash of the lock file."""
    lock = ROOT / "requirements" / "lock.txt"
    return Provenance(
        commit=_commit(),
        lock_hash=sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "",
    )


def _commit() -> str:
    try:
        said = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip()
