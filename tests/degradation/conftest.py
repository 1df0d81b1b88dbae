"""A home on a Redis of its own, and leads to ask about."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from tests.servers import Process, redis_process, running
from wiring.scoring import Scoring
from wiring.settings import Settings
from wiring.signals import definition_of, rebuild_states

WAIT_MS = 100


def lead_ids(scoring: Scoring, count: int, after: int = 0) -> list[str]:
    """Some leads, always the same ones."""
    return [str(ref.lead_id) for ref in islice(scoring.plane.directory.all(), after, after + count)]


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Process]:
    """A Redis of one test's own, to stop, hang and start."""
    with running(redis_process(tmp_path)) as process:
        yield process


@pytest.fixture
def on_redis(own_home: Settings, own_redis: Process) -> Settings:
    """A home whose online features are in that Redis."""
    url = f"redis://127.0.0.1:{own_redis.port}"
    settings = msgspec.structs.replace(own_home, online=url, features_wait_ms=WAIT_MS)
    rebuild_states(settings, definition_of(settings), lambda _: None)
    return settings
