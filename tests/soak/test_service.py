"""The service for a long time, and while everything about it changes: nothing lost, nothing wrong.

A short form runs every time; `make soak` runs the long one.
"""

import json
import os
import shutil
import signal
import time
from itertools import islice
from pathlib import Path
from typing import TypedDict

import msgspec
import pytest

from config.settings import Settings
from domain.versions.manifest import Stage
from registry import rollout
from registry.promotion import Terms, promote
from registry.rollout_spec import RolloutSpec
from registry.rollout_state import RolloutStep
from serving.supervisor import start
from tests.benchmarks.load import load
from tests.conftest import Trained
from tests.soak.crowds import Crowd, crowd, recorded_once, serving
from tests.waiting import until
from wiring.registry import open_registry
from wiring.signals import open_signals

REQUESTS = 200_000
EFFECTIVE_S = 5.0
"""Within this a rollback has taken effect."""


class Author(TypedDict):
    """Who makes a change, and why."""

    by: str
    reason: str


BY: Author = {"by": "soak", "reason": "soak"}


@pytest.fixture
def home(trained: Trained, tmp_path: Path) -> Settings:
    shutil.copytree(trained.settings.home, tmp_path / "home")
    return msgspec.structs.replace(trained.settings, home=tmp_path / "home")


def leads(settings: Settings) -> list[str]:
    return [str(ref.lead_id) for ref in islice(open_signals(settings).directory.all(), 300)]


@pytest.mark.soak
def test_memory_is_flat(home: Settings) -> None:
    """What a worker holds after a fifth of the requests is what it holds after all of them."""
    bodies = [json.dumps({"lead_id": one}) for one in leads(home)]
    server = start(home, "127.0.0.1", 0, 1)
    try:
        server.wait_ready()
        pid = server.workers[0].process.pid
        done, held = 0, list[tuple[int, int]]()
        while done < REQUESTS:
            found = load(server.url, "/score", bodies, connections=16, seconds=20.0)
            assert set(found.statuses) == {"200"}
            done += found.statuses["200"]
            held.append((done, resident_mib(pid)))
    finally:
        server.stop()
    early = max(mib for count, mib in held if count <= max(REQUESTS // 5, held[0][0]))
    assert held[-1][1] <= 1.05 * early + 16, held


def resident_mib(pid: int) -> int:
    """What a process holds in memory."""
    said = Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2]
    return int(said.split()[0]) // 1024


def settle(crowd: Crowd, seconds: float = 1.0) -> float:
    """Let callers ask for a while; when it ended."""
    time.sleep(seconds)
    return time.monotonic()


def test_nothing_is_lost_while_everything_changes(home: Settings) -> None:
    registry = open_registry(home)
    standing = registry.standing()
    old, new = standing.champion, standing.challenger
    assert old is not None
    assert new is not None
    rollout.abort(registry, **BY)
    ids = leads(home)
    with serving(home, workers=2) as (url, process), crowd(url, ids) as callers:
        until(lambda: len(callers.done) > 50)
        course = RolloutSpec(steps=(RolloutStep(weight=0.2), RolloutStep(weight=0.6)))
        rollout.start(registry, course=course, **BY)
        until(lambda: any(one.answer.versions.model == new for one in callers.done))
        rollout.advance(registry, **BY)
        settle(callers)
        _kill_a_worker(process.pid)
        settle(callers, 2.0)
        promote(registry, new, Stage.CHAMPION, override=True, terms=Terms(), **BY)
        until(lambda: {one.answer.versions.model for one in callers.done[-20:]} == {new})
        registry.rollback(**BY)
        rolled = time.monotonic()
        settle(callers, EFFECTIVE_S + 2)
    assert callers.wrong == []
    late = [one for one in callers.done if one.sent_s > rolled + EFFECTIVE_S]
    assert late
    assert {one.answer.versions.model for one in late} == {old}
    recorded_once(home, callers.done)


def _kill_a_worker(pid: int) -> None:
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(workers) == 2
    os.kill(int(workers[0]), signal.SIGKILL)
