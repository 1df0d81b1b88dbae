"""What all tests share: quiet libraries, hypothesis without deadlines, one trained home."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings as hypothesis_settings

from config.settings import Settings, quiet_libraries, write_home_settings
from storage.files import exclusive
from tests import warm_starts
from wiring.live_folders import BUNDLE

quiet_libraries()
os.environ.pop("RUST_BACKTRACE", None)
# the same examples each time where a change is judged; others on every other run
hypothesis_settings.register_profile(
    "default", deadline=None, derandomize=os.environ.get("LEADSCORE_CI") == "1"
)
hypothesis_settings.load_profile("default")

pytest_plugins = ["tests.servers"]
LEADS, DAYS, SEED = 500, 180, 5
SIGNALS, TRUTH = "s.jsonl", "s.truth.jsonl"
WHOLE = {"trained", "redis_url", "nats", "own_nats", "postgres"}
"""Fixtures that start a server or train a home."""
LONG = ("whole", "slow")
"""Marks of tests that take seconds."""
ROOT = Path(__file__).parents[1]
SOAK = os.environ.get("LEADSCORE_SOAK") == "1"
"""Whether long proofs are run, and in their long form."""
WARM = pytest.StashKey[ExitStack]()
MAKES = {".py", ".yaml", ".json"}
"""Ends of the names of files that say what the product makes."""


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


def pytest_configure(config: pytest.Config) -> None:
    """Have one process that loads the libraries for those that tests begin."""
    measured = config.getoption("benchmark_only", default=False)  # starts are what users see
    plain = SOAK or measured or config.pluginmanager.hasplugin("_cov")
    if not plain and warm_starts.PLACE not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="warm"))
        stack = config.stash[WARM] = ExitStack()
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.enter_context(warm_starts.listening(folder))
    if warm_starts.PLACE in os.environ:
        warm_starts.install()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let it end."""
    if WARM in config.stash:
        config.stash[WARM].close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `whole` what starts a server or needs a trained home: `make test-fast` leaves it.

    The order is that of `first_long`: at the end of a run, what is quick fills the gaps.
    """
    for item in items:
        if WHOLE & set(getattr(item, "fixturenames", ())):
            item.add_marker("whole")
    order = {path: place for place, path in enumerate(first_long(items))}
    items.sort(key=lambda item: order[item.path])


def first_long(items: Sequence[pytest.Item]) -> list[Path]:
    """Files: those with tests that take long first, the others after them.

    The trained home is made by the first process that needs it, and the others wait for it: they
    had better begin with files that do not need it.
    """
    paths = [*dict.fromkeys(item.path for item in items)]
    long = {item.path for item in items if any(map(item.get_closest_marker, LONG))}
    waits = {i.path for i in items if "trained" in getattr(i, "fixturenames", ())}
    ranked = sorted(paths, key=lambda path: (path not in long, path in waits))
    maker = next((path for path in ranked if path in waits), None)
    return ranked if maker is None else [maker, *(path for path in ranked if path != maker)]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Long proofs, marked `soak`, are run by `make soak` alone."""
    if item.get_closest_marker("soak") and not SOAK:
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


def copy_made_once(base: Path, make: Callable[[Path], object], to: Path) -> None:
    """Copy what `make` fills a folder with: once for all processes that run tests of this code.

    It is kept below `base` until the code, its commit or the day has changed.
    """
    made = base / f"made-by-{code_hash()}"
    with exclusive(base / "lock"):
        if not made.exists():
            for other in base.glob("ma*-*"):
                shutil.rmtree(other)
            making = base / f"making-{os.getpid()}"
            making.mkdir()
            make(making)
            making.rename(made)
        shutil.copytree(made, to, dirs_exist_ok=True)


def code_hash() -> str:
    """Of all that may change what the product makes: code, settings, libraries; commit and day."""
    asked = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    told = blake2b(f"{commit} {date.today()}".encode(), digest_size=12)  # noqa: DTZ011
    rooms = {path.parent for path in ROOT.glob("*/__init__.py")}
    files = [
        path
        for room in rooms
        for path in room.rglob("*")
        if path.suffix in MAKES and not path.is_relative_to(BUNDLE)
    ]
    for path in [*sorted(files), ROOT / "tests" / "conftest.py", ROOT / "requirements/lock.txt"]:
        told.update(f"{path.relative_to(ROOT)} {path.stat().st_size}\n".encode())
        told.update(path.read_bytes())
    return told.hexdigest()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The trained home: made by one process, copied by each that needs it."""
    folder = tmp_path_factory.mktemp("trained")
    copy_made_once(ROOT / ".pytest_cache" / "trained", make_trained, folder)
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
