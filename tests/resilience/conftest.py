"""A home on a Redis of its own, and leads to ask about."""

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
import pytest
import redis

from config.home_definition import definition_of
from config.settings import Settings
from jobs.signals.rebuild_states import rebuild_states
from tests.conftest import Trained
from tests.servers import Process, redis_process, running
from wiring.scoring import Scoring

WAIT_MS = 100
DUMP = "dump.rdb"
"""What Redis reads when it starts, and here never writes by itself."""


def lead_ids(scoring: Scoring, count: int, after: int = 0) -> list[str]:
    """Some leads, always the same ones."""
    return [str(ref.lead_id) for ref in islice(scoring.plane.directory.all(), after, after + count)]


def on(settings: Settings, process: Process) -> Settings:
    url = f"redis://127.0.0.1:{process.port}"
    return msgspec.structs.replace(settings, online=url, features_wait_ms=WAIT_MS)


@pytest.fixture(scope="session")
def fed(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A home whose online features are in a Redis, and that Redis' dump."""
    folder = tmp_path_factory.mktemp("fed")
    shutil.copytree(trained.settings.home, folder / "home")
    with running(redis_process(folder)) as process:
        settings = on(msgspec.structs.replace(trained.settings, home=folder / "home"), process)
        rebuild_states(settings, definition_of(settings), lambda _: None)
        with redis.Redis(port=process.port) as client:
            client.save()
    return folder / "home", folder / DUMP


@pytest.fixture
def own_redis(fed: tuple[Path, Path], tmp_path: Path) -> Iterator[Process]:
    """A Redis of one test's own, to stop, hang and start; it holds features until it is stopped."""
    dump = Path(shutil.copy(fed[1], tmp_path / DUMP))
    process = redis_process(tmp_path)
    process.ready = lambda: loaded(process.port)
    with running(process):
        dump.unlink()
        yield process


def loaded(port: int) -> bool:
    """Whether a Redis has read its dump: it listens before."""
    with redis.Redis(port=port) as client:
        try:
            return bool(client.ping())
        except redis.exceptions.BusyLoadingError:
            return False


@pytest.fixture
def on_redis(
    trained: Trained, fed: tuple[Path, Path], own_redis: Process, tmp_path: Path
) -> Settings:
    """A home whose online features are in that Redis."""
    shutil.copytree(fed[0], tmp_path / "home")
    return on(msgspec.structs.replace(trained.settings, home=tmp_path / "home"), own_redis)
