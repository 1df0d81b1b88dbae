"""What all tests share: quiet libraries, hypothesis without deadlines, one trained home."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings as hypothesis_settings

from config.settings import Settings, quiet_libraries, write_home_settings

quiet_libraries()
os.environ.pop("RUST_BACKTRACE", None)
hypothesis_settings.register_profile("default", deadline=None)
hypothesis_settings.load_profile("default")

pytest_plugins = ["tests.servers"]
LEADS, DAYS, SEED = 500, 180, 5
ROOT = Path(__file__).parents[1]


def data_folder() -> Path:
    """Where the real data sets lie, where they do."""
    return Path(os.environ.get("LEADSCORE_DATA", ROOT.parent / "shared" / "data"))


class SilentProgress:
    """Hears of a run's progress and says nothing."""

    def phase(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass

    def trial(self, done: int, of: int, best: float) -> None:
        pass


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Long proofs, marked `soak`, are run by `make soak` alone."""
    if item.get_closest_marker("soak") and os.environ.get("LEADSCORE_SOAK") != "1":
        pytest.skip("a long proof: `make soak` runs it")


@dataclass(frozen=True)
class Trained:
    """A home with simulated signals, a champion and a challenger; not to be written to."""

    settings: Settings
    signals: Path
    truth: Path


@pytest.fixture(scope="session", autouse=True)
def temporary_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What tests and libraries make by `tempfile` goes where pytest tidies up."""
    tempfile.tempdir = str(tmp_path_factory.mktemp("t"))
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    from domain.versions.manifest import Stage
    from jobs.models.train import train
    from jobs.signals.ingest_files import ingest_files
    from registry.promotion import Terms, promote
    from simulation.scenarios import scenario
    from simulation.simulator import simulate
    from simulation.writer import write
    from training.config import TrainingConfig
    from wiring.registry import open_registry

    folder = tmp_path_factory.mktemp("trained")
    written = write(simulate(LEADS, SEED, scenario("steady"), days=DAYS), folder / "s.jsonl")
    home = folder / "home"
    write_home_settings(home, clock="watermark")
    settings = Settings(home=home, clock="watermark")
    ingest_files(settings, [str(written.signals)], None, lambda _: None)
    config = TrainingConfig(
        trials=2,
        iterations=60,
        border_count=32,
        horizon_days=21,
        cutoffs=msgspec.convert(
            {"rule": "every", "days": 7}, TrainingConfig.__annotations__["cutoffs"]
        ),
    )
    registry = open_registry(settings)
    for seed, stage in ((7, Stage.CHAMPION), (8, Stage.CHALLENGER)):
        asked = msgspec.structs.replace(config, seed=seed)
        version = train(settings, asked, SilentProgress(), "tests")
        promote(
            registry,
            version.label,
            stage,
            by="tests",
            reason="tests",
            override=True,
            terms=Terms(weight=0.5),
        )
    return Trained(settings, written.signals, written.truth)


@pytest.fixture
def own_home(trained: Trained, tmp_path: Path) -> Settings:
    """A copy of the trained home, to do anything to."""
    home = tmp_path / "home"
    shutil.copytree(trained.settings.home, home)
    return msgspec.structs.replace(trained.settings, home=home)
