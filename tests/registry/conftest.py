"""Sealed versions, ledgers and registries, each in a folder of its own."""

import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from domain.clock import Clock, FixedClock
from domain.definition import Family, FeatureDefinition
from domain.measurement import Interval
from domain.scores import Calibrator
from domain.versions.manifest import REQUIRED, Lineage, Manifest, seal
from registry.ledger import Ledger
from registry.store import Registry

GOOD = {
    "auroc": Interval(value=0.80, low=0.75, high=0.85),
    "brier": Interval(value=0.10, low=0.09, high=0.11),
    "calibration_error": Interval(value=0.02, low=0.01, high=0.04),
    "latency_ms": Interval(value=0.4, low=0.3, high=2.0, level=0.98),
}
COUNTS = {
    "train_rows": 900,
    "test_rows": 300,
    "test_positives": 40,
    "bytes": 1000,
    "unwaived_leaks": 0,
}


def manifest_of(
    metrics: dict[str, Interval] | None = None,
    counts: dict[str, int] | None = None,
    name: str = "lead",
) -> Manifest:
    """A manifest that passes the standard gates unless told otherwise."""
    return Manifest(
        name=name,
        created="2026-01-01T00:00:00Z",
        definition=FeatureDefinition(
            service="small",
            version=1,
            families=(Family(name="visit", channel="web", types=("web.page_viewed",)),),
        ),
        features=("visit_count",),
        categories=(),
        calibrator=Calibrator(),
        quantiles=tuple(q / 100 for q in range(101)),
        outcome="won",
        horizon_days=30.0,
        metrics=GOOD | (metrics or {}),
        counts=COUNTS | (counts or {}),
        lineage=Lineage(
            watermark_us=1,
            events=2,
            log_hash="a" * 64,
            configuration={},
            configuration_hash="b" * 64,
            seed=7,
            commit="c" * 40,
            lock_hash="d" * 64,
        ),
    )


@pytest.fixture(name="manifest")
def manifest_fixture() -> Callable[..., Manifest]:
    return manifest_of


@pytest.fixture
def sealed(tmp_path: Path) -> Callable[..., Path]:
    """Makes sealed folders, no two alike."""
    made = 0

    def make(
        metrics: dict[str, Interval] | None = None,
        counts: dict[str, int] | None = None,
        name: str = "lead",
    ) -> Path:
        nonlocal made
        made += 1
        folder = tmp_path / f"trained-{made}"
        (folder / "report").mkdir(parents=True)
        for file in REQUIRED:
            (folder / file).write_bytes(f"{file} {made}".encode())
        (folder / "report" / "page.md").write_text(f"# Version {made}\n")
        seal(folder, manifest_of(metrics, counts, name))
        return folder

    return make


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def ledger_at(tmp_path: Path, clock: Clock) -> Callable[..., Ledger]:
    """Opens the test's ledger, as a process of its own would."""

    def make(kind: Callable[..., Ledger] = Ledger) -> Ledger:
        return kind(create_engine(f"sqlite:///{tmp_path}/ledger.db"), clock)

    return make


@pytest.fixture(scope="session")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An MLflow database with its tables and nothing else: seconds to make, nothing to copy."""
    patch = pytest.MonkeyPatch()
    for name, value in (
        ("MLFLOW_DISABLE_TELEMETRY", "true"),
        ("DO_NOT_TRACK", "true"),
        ("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"),
    ):
        patch.setenv(name, value)
    from registry.tracking import Tracking

    folder = tmp_path_factory.mktemp("template")
    Tracking(f"sqlite:///{folder}/mlflow.db", (folder / "artifacts").as_uri())
    yield folder / "mlflow.db"
    patch.undo()


@pytest.fixture
def registry_at(
    tmp_path: Path, clock: Clock, ledger_at: Callable[..., Ledger], mlflow_template: Path
) -> Callable[..., Registry]:
    """Opens the test's registry, as a process of its own would.

    `fresh` spells the database's address so that a forked process shares no connection.
    """
    shutil.copy(mlflow_template, tmp_path / "mlflow.db")
    opened = 0

    def make(
        kind: Callable[..., Ledger] = Ledger, *, fresh: bool = False, cache: str = "cache"
    ) -> Registry:
        nonlocal opened
        opened += 1
        same = "/." * (os.getpid() % 97 + opened) if fresh else ""
        return Registry(
            f"sqlite:///{tmp_path}{same}/mlflow.db",
            tmp_path / "artifacts",
            ledger_at(kind),
            clock,
            tmp_path / cache,
        )

    return make


@pytest.fixture
def forked() -> Callable[..., list[int | None]]:
    """Runs functions in processes of their own, all at once; returns their exit codes."""

    def run(*tasks: Callable[[], object]) -> list[int | None]:
        context = multiprocessing.get_context("fork")
        started = context.Barrier(len(tasks))

        def body(task: Callable[[], object]) -> None:
            started.wait()
            task()
            os._exit(0)

        processes = [context.Process(target=body, args=(task,)) for task in tasks]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
            if process.is_alive():
                process.kill()
        return [process.exitcode for process in processes]

    return run
