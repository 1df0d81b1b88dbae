"""Trainings, killed anywhere: every version that is listed is whole, and learnt what it should."""

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config.settings import Settings, write_home_settings
from domain.versions.manifest import MODEL_FILE, REFERENCE_FILE, TABLE_FILE, Manifest
from jobs.signals.ingest_files import ingest_files
from simulation.scenarios import scenario
from simulation.simulator import simulate
from simulation.writer import write
from tests.kills.homes import assert_mirrored, assert_sound, client, copied, runs
from tests.kills.killing import Kills, Victim, timed
from tests.kills.test_commands import EVERY, FEWER_KILLS
from wiring.registry import open_registry

LEADS, DAYS, SEED = 200, 150, 5
TRAINING = """
trials: 1
iterations: 10
border_count: 16
horizon_days: 21
cutoffs: {rule: every, days: 10}
split: {folds: 1, embargo_days: 1, test_share: 0.3}
"""

AGAIN = 6
"""So often a training that was killed is begun again and runs to its end."""
pytestmark = pytest.mark.timeout(3600)


@dataclass(frozen=True)
class Undisturbed:
    """A home with a champion, and a training in it that nobody disturbs."""

    settings: Settings
    words: tuple[str, ...]
    usual_s: float


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    written = write(simulate(LEADS, SEED, scenario("steady"), days=DAYS), folder / "s.jsonl")
    settings = Settings(home=folder / "home", clock="watermark")
    write_home_settings(settings.home, clock="watermark")
    ingest_files(settings, [str(written.signals)], None, lambda _: None)
    config = folder / "training.yaml"
    config.write_text(TRAINING)
    words, why = ("train", "--config", str(config)), ("--override", "--reason", "proof")
    timed(settings.environment(), *words)
    timed(settings.environment(), "promote", "lead-1", "--stage", "champion", *why)
    return Undisturbed(settings, words, timed(settings.environment(), *words))


@dataclass
class Trainings:
    """A home in which one training is begun again and again; `registered` are seen so far."""

    settings: Settings
    registered: int
    runs: int = 0
    seen: set[str] = field(default_factory=set)

    def phase(self) -> str:
        """How far a killed training had come."""
        known = len(open_registry(self.settings).versions())
        if known > self.registered:
            self.registered = known
            return "6 registered"
        versions = client(self.settings).search_model_versions("name='lead'")
        if any(
            one.tags["stage"] == "incomplete" and one.run_id not in self.seen for one in versions
        ):
            self.seen |= {one.run_id for one in versions}
            return "5 uploaded"
        known = len(runs(self.settings))
        if known > self.runs:
            self.runs = known
            return "4 uploading"
        left = self.left()
        if any((one / "version" / MODEL_FILE).exists() for one in left):
            return "3 fitted"
        if list((self.settings.home / "studies").glob("*.journal")):
            return "2 searching"
        return "1 replaying" if left else "0 starting"

    def left(self) -> list[Path]:
        return sorted(self.settings.home.glob("training-*"))

    def done(self) -> None:
        """The training got through: nothing is left of those before it; the next starts afresh."""
        assert self.left() == []
        assert_mirrored(self.settings)
        for path in (self.settings.home / "studies").glob("*.journal"):
            path.unlink()
        self.registered = len(open_registry(self.settings).versions())
        self.runs = len(runs(self.settings))


def learnt(settings: Settings, label: str) -> tuple[object, ...]:
    """What a version learnt, without moments and durations, which the model's file has in it."""
    manifest = open_registry(settings).fetch(label)[1]
    assert isinstance(manifest, Manifest)
    files = [manifest.files[name] for name in (TABLE_FILE, REFERENCE_FILE)]
    scores = {k: v for k, v in manifest.metrics.items() if not k.endswith("_ms")}
    return (*files, manifest.calibrator, manifest.quantiles, manifest.lineage.log_hash, scores)


@FEWER_KILLS
def test_a_training_killed_anywhere(
    seed: int,
    most: int,
    undisturbed: Undisturbed,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every version that is listed is whole, and learnt what an undisturbed one learns."""
    words, usual_s = undisturbed.words, undisturbed.usual_s
    expected = learnt(undisturbed.settings, "lead-2")
    settings = copied(undisturbed.settings, tmp_path)
    watched = ("home/studies/*.journal", "home/mlflow.db", "home/ledger.db*", "home/training-*/*")
    victim = Victim(settings.environment(), words, watched, usual_s)
    kills, trainings = Kills(random.Random(seed), most), Trainings(settings, 2)
    trainings.done()
    while not kills.spent:
        if not kills.strike(victim, trainings.phase):
            trainings.done()
            continue
        assert_sound(settings, whole=kills.count % EVERY == 0)
        if kills.count % AGAIN == 0:
            before = trainings.registered
            victim.finish()
            assert len(open_registry(settings).versions()) == before + 1
            trainings.done()
    victim.finish()
    trainings.done()
    assert_sound(settings)
    made = [v.label for v in open_registry(settings).versions()][2:]
    assert all(learnt(settings, label) == expected for label in made)
    kills.report(capsys, "train", f"{len(made)} versions")
