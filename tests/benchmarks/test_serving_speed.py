"""The service beside doing nothing, and beside MLflow's server of the same model.

All on one worker, warm, over the loopback, with the load from another process: requests a second
and latencies, as ratios taken in turns within one run.
"""

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import numpy as np
import pytest

from config.settings import Settings
from domain.versions.manifest import MODEL_FILE, Stage
from registry import rollout
from registry.cache import open_cached
from registry.promotion import Terms, promote
from serving.supervisor import running
from tests.benchmarks.bars import bar
from tests.benchmarks.load import Load, load
from tests.conftest import Trained
from wiring.live_folders import cache_of
from wiring.registry import open_registry
from wiring.signals import open_signals

PATH = "/noop"
"""What `tests.benchmarks.noop` serves beside all else."""
FLOORS = {1: 0.35, 32: 0.55}
"""By connections, the least share of an empty endpoint's throughput."""
SLOWEST = 3.0
"""The most times an empty endpoint's p99."""
MLFLOW = 6.0
"""The least times MLflow's throughput."""
CONNECTIONS, SECONDS, ROUNDS = 32, 4.0, 5


class Served(NamedTuple):
    """A running service, bodies for it, and a way to load one of its endpoints."""

    url: str
    bodies: list[str]
    home: Settings

    def load(self, path: str, connections: int = CONNECTIONS) -> Load:
        found = load(self.url, path, self.bodies, connections=connections, seconds=SECONDS)
        assert set(found.statuses) == {"200"}, found.statuses
        return found


@pytest.fixture(scope="module")
def served(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(trained.settings.home, home)
    settings = msgspec.structs.replace(trained.settings, home=home)
    _champion_alone(settings)
    refs = islice(open_signals(settings).directory.all(), 400)
    bodies = [json.dumps({"lead_id": str(ref.lead_id)}) for ref in refs]
    with running(settings, service="tests.benchmarks.noop:Noop") as url:
        made = Served(url, bodies, settings)
        for path in (PATH, "/score"):
            made.load(path)
        yield made


def _champion_alone(settings: Settings) -> None:
    """End the rollout, and let the challenger be champion: there is one version to score with."""
    registry = open_registry(settings)
    by: dict[str, Any] = {"by": "bench", "reason": "one version"}
    rollout.abort(registry, **by)
    challenger = registry.standing().challenger
    assert challenger is not None
    promote(registry, challenger, Stage.CHAMPION, override=True, terms=Terms(), **by)
    assert registry.standing().challenger is None


@pytest.mark.benchmark(group="one lead over HTTP")
@pytest.mark.parametrize("connections", FLOORS)
def test_a_score_beside_nothing(benchmark: Any, served: Served, connections: int) -> None:
    held = [
        (served.load(PATH, connections), served.load("/score", connections)) for _ in range(ROUNDS)
    ]
    share = statistics.median(scored.throughput / nothing.throughput for nothing, scored in held)
    tail = statistics.median(scored.p99_s / nothing.p99_s for nothing, scored in held)
    benchmark.extra_info.update(
        connections=connections,
        share_of_nothing=share,
        p99_times_nothings=tail,
        scores_per_s=statistics.median(one.throughput for _, one in held),
        nothings_per_s=statistics.median(one.throughput for one, _ in held),
        score_p50_ms=1e3 * statistics.median(one.p50_s for _, one in held),
        score_p99_ms=1e3 * statistics.median(one.p99_s for _, one in held),
    )
    benchmark.pedantic(lambda: _one(served), rounds=5)
    callers = f"{connections} caller{'s' if connections > 1 else ''}"
    beside = f"empty answers, {callers}"
    bar(benchmark, "scores a second", beside, share, at_least=FLOORS[connections])
    if connections == CONNECTIONS:
        bar(benchmark, "a score's p99", "an empty answer's", tail, at_most=SLOWEST)


@pytest.mark.benchmark(group="one lead over HTTP")
def test_a_score_beside_mlflows_server(benchmark: Any, served: Served, tmp_path: Path) -> None:
    with _mlflow(served.home, tmp_path) as (url, body):
        ask = [body]
        load(url, "/invocations", ask, connections=CONNECTIONS, seconds=1.0)
        ratios, theirs = [], 0.0
        for _ in range(3):
            other = load(url, "/invocations", ask, connections=CONNECTIONS, seconds=SECONDS)
            assert set(other.statuses) == {"200"}, other.statuses
            ratios.append(served.load("/score").throughput / other.throughput)
            theirs = other.throughput
    benchmark.extra_info.update(times_mlflow=statistics.median(ratios), mlflow_per_s=theirs)
    benchmark.pedantic(lambda: _one(served), rounds=5)
    found = statistics.median(ratios)
    bar(benchmark, "scores a second", "mlflow models serve", found, at_least=MLFLOW)


def _one(served: Served) -> None:
    headers = {"content-type": "application/json"}
    answer = httpx.post(f"{served.url}/score", content=served.bodies[0], headers=headers)
    assert answer.status_code == 200


@contextmanager
def _mlflow(settings: Settings, folder: Path) -> Iterator[tuple[str, str]]:
    """MLflow's own server of the champion's model, one worker; its address, and a body for it."""
    import mlflow.catboost
    from catboost import CatBoostClassifier

    opened = open_cached(cache_of(settings)).champion
    model = CatBoostClassifier()
    model.load_model(str(opened.folder / MODEL_FILE))
    mlflow.catboost.save_model(model, str(folder / "model"))
    names, texts = opened.manifest.features, len(opened.manifest.categories)
    row: list[object] = [*np.ones(len(names) - texts).tolist(), *["US"] * texts]
    body = json.dumps({"dataframe_split": {"columns": list(names), "data": [row]}})
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder / "model")]
    command += ["-p", str(port), "--env-manager", "local", "--workers", "1"]
    found = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env=found, start_new_session=True
        )
    try:
        _until(lambda: httpx.get(f"http://127.0.0.1:{port}/ping").is_success, server)
        yield f"http://127.0.0.1:{port}", body
    finally:
        _end(server)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _until(ready: Callable[[], bool], server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        try:
            if ready():
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail("MLflow's server did not start")


def _end(server: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    server.wait(20)
