"""The service, whose workers and supervisor are killed while it answers; and two workers at once.

Every answer that somebody got is in the trail, once; a request that is sent again with its key gets
the answer that it got, from whichever process.
"""

import os
import random
import signal
import socket
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import msgspec
import pytest

from domain.scores import ScoreAnswer
from serving.supervisor import MOST_WAIT_S
from tests.conftest import Trained
from tests.kills.homes import assert_sound, copied, leads
from tests.kills.killing import report
from tests.kills.processes import children, ended, peers, variable
from tests.kills.test_commands import FEWER_KILLS
from tests.servers import free_port
from tests.soak.commands import until
from tests.soak.crowds import PATIENCE_S, Crowd, crowd, recorded_once, serving

WORKERS = 2
SUPERVISED = 4
"""So many kills at most before the supervisor is killed too: waits for workers stay short."""
METRICS = "PROMETHEUS_MULTIPROC_DIR"

pytestmark = pytest.mark.timeout(3600)


@dataclass
class Killer:
    """Kills processes of a service on a port at random moments; what they were doing."""

    rng: random.Random
    most: int
    callers: Crowd
    port: int
    phases: Counter[str] = field(default_factory=Counter)
    left: Path | None = None
    """Where a killed service kept its metrics."""

    def round(self, supervisor: int) -> None:
        """Kill workers at random, the supervisor at last; where nothing is left to kill, none."""
        for _ in range(self.rng.randint(2, SUPERVISED)):
            if self.phases.total() < self.most:
                self._kill_worker(supervisor)
        if self.phases.total() < self.most:
            self._kill_supervisor(supervisor)

    def _kill_worker(self, supervisor: int) -> None:
        self.served(self.rng.randint(1, 30))
        until(lambda: bool(children(supervisor)), MOST_WAIT_S + 30)
        worker = self.rng.choice(children(supervisor))
        busy = bool(peers(worker, self.port))
        os.kill(worker, signal.SIGKILL)
        self.phases["worker, answering" if busy else "worker, starting"] += 1

    def _kill_supervisor(self, supervisor: int) -> None:
        self.served(self.rng.randint(1, 30))
        workers, metrics = _workers_of(supervisor)
        os.kill(supervisor, signal.SIGKILL)
        self.phases["supervisor"] += 1
        until(lambda: all(map(ended, workers)), 60)
        self.left = metrics

    def served(self, more: int) -> None:
        """Wait for answers since the last kill: the service has recovered."""
        wanted = len(self.callers.done) + more
        until(lambda: len(self.callers.done) >= wanted or bool(self.callers.wrong), PATIENCE_S)
        assert self.callers.wrong == []


def _workers_of(supervisor: int) -> tuple[list[int], Path]:
    """A service's workers, and where they keep their metrics.

    A worker that was killed a moment ago may still be listed, and end while it is looked at.
    """
    until(lambda: bool(children(supervisor)), MOST_WAIT_S + 30)
    workers = children(supervisor)
    for worker in workers:
        with suppress(FileNotFoundError, ProcessLookupError):
            return workers, Path(variable(worker, METRICS))
    return _workers_of(supervisor)


@FEWER_KILLS
def test_a_service_killed_anywhere(
    seed: int, most: int, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, port = copied(trained.settings, tmp_path), free_port()
    with crowd(f"http://127.0.0.1:{port}", leads(settings)) as callers:
        killer = Killer(random.Random(seed), most, callers, port)
        while killer.phases.total() < most:
            with serving(settings, WORKERS, port) as (_, process):
                assert killer.left is None or not killer.left.exists()
                killer.round(process.pid)
        with serving(settings, WORKERS, port) as (url, process):
            killer.served(50)
            callers.over.set()
            told_again(url, callers)
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
    assert callers.wrong == []
    recorded_once(settings, callers.done)
    assert_sound(settings)
    longest_s = max(one.done_s - one.sent_s for one in callers.done)
    told = f"{len(callers.done)} answers, the longest after {longest_s:.0f} s"
    report(capsys, "serve", killer.phases, f"{told}; not answered at once {dict(callers.other)}")


def told_again(url: str, callers: Crowd) -> None:
    """What was answered is answered again with the same, whoever answered it has been killed."""
    with httpx.Client(base_url=url, timeout=30) as client:
        for one in callers.done[:: max(1, len(callers.done) // 50)]:
            answer = client.post(
                "/score", json={"lead_id": one.lead}, headers={"idempotency-key": one.key}
            )
            assert msgspec.json.decode(answer.content, type=ScoreAnswer) == one.answer
