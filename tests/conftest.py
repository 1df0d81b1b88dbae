"""What all tests share: quiet libraries, hypothesis without deadlines, one trained home."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings as hypothesis_settings

from config.settings import Settings, quiet_libraries, write_home_settings
from storage.files import exclusive

quiet_libraries()
os.environ.pop("RUST_BACKTRACE", None)
hypothesis_settings.register_profile("default", deadline=None)
hypothesis_settings.load_profile("default")

pytest_plugins = ["tests.servers"]
LEADS, DAYS, SEED = 500, 180, 5
SIGNALS, TRUTH = "s.jsonl", "s.truth.jsonl"
WHOLE = {"trained", "redis_url", "nats", "own_nats", "postgres"}
"""Fixtures that start a server or train a home."""
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `whole` what starts a server or needs a trained home: `make test-fast` leaves it."""
    for item in items:
        if WHOLE & set(getattr(item, "fixturenames", ())):
            item.add_marker("whole")


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


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that `make` fills once, however many processes run the tests together.

    What is in it is read by all of them: who wants to write makes a copy.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / f"once-{name}"
    with exclusive(base / f"once-{name}.lock"):
        if not folder.exists():
            making = base / f"making-{name}"
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            make(making)
            making.rename(folder)
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The trained home: made by one process of the run, copied by each that needs it."""
    made = made_once(tmp_path_factory, "trained", make_trained)
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(made, folder, dirs_exist_ok=True)
    settings = Settings(home=folder / "home", clock="watermark")
    return Trained(settings, folder / SIGNALS, folder / TRUTH)


def make_trained(folder: Path) -> None:
    """Simulated signals, ingested; two versions trained on them and promoted."""
    from domain.versions.manifest import Stage
    from jobs.models.train import train
    from jobs.signals.ingest_files import ingest_files
    from registry.promotion import Terms, promote
    from simulation.scenarios import scenario
    from simulation.simulator import simulate
    from simulation.writer import write
    from training.config import TrainingConfig
    from wiring.registry import open_registry

    written = write(simulate(LEADS, SEED, scenario("steady"), days=DAYS), folder / SIGNALS)
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


@pytest.fixture
def own_home(trained: Trained, tmp_path: Path) -> Settings:
    """A copy of the trained home, to do anything to."""
    home = tmp_path / "home"
    shutil.copytree(trained.settings.home, home)
    return msgspec.structs.replace(trained.settings, home=home)
