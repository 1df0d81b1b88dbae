"""Events in, as users send them: a file through the command's own way, batches over HTTP."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.settings import Settings
from serving.supervisor import running
from simulation.scenarios import scenario
from simulation.simulator import simulate
from simulation.writer import write
from tests.conftest import Trained
from tests.soak.growth import calibration_s, taken_in

BATCH, CLIENTS, BATCHES = 500, 8, 60
JSON = {"content-type": "application/json"}


def test_a_file(benchmark: Any, tmp_path: Path) -> None:
    """Checked, resolved, logged, folded, pushed; from the first transaction's end to the last."""
    written = write(simulate(2_400, 3, scenario("steady")), tmp_path / "signals.jsonl")
    homes = iter(tmp_path / f"home{i}" for i in range(9))
    growth = benchmark.pedantic(
        taken_in, setup=lambda: ((written.signals, next(homes)), {}), rounds=1
    )
    benchmark.extra_info["events_per_s"] = round(1e6 / growth.cost_us(0, growth.marks[-1][0]))
    benchmark.extra_info["most_mib"] = round(growth.most_mib)
    benchmark.extra_info["machine_s"] = round(calibration_s(), 2)


@pytest.fixture
def batches(trained: Trained) -> list[bytes]:
    """The home's own events under new ids, as bodies of BATCH events."""
    documents = []
    with trained.signals.open("rb") as lines:
        for line in islice(lines, 2 * BATCH * (BATCHES + 1)):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and isinstance(event.get("id"), str):
                documents.append(json.dumps({**event, "id": f"again-{event['id']}"}))
    bodies = [documents[at : at + BATCH] for at in range(0, len(documents) - BATCH, BATCH)]
    return [f'{{"events":[{",".join(body)}]}}'.encode() for body in bodies[: BATCHES + 1]]


def test_batches_over_http(benchmark: Any, own_home: Settings, batches: list[bytes]) -> None:
    """Committed and online when answered; CLIENTS at once, on the machine that serves."""
    local = threading.local()
    with running(own_home) as url, ThreadPoolExecutor(CLIENTS) as threads:

        def post(body: bytes) -> int:
            if not hasattr(local, "client"):
                local.client = httpx.Client(timeout=60)
            return int(local.client.post(f"{url}/events", content=body, headers=JSON).status_code)

        assert post(batches[0]) == 200
        answers = benchmark.pedantic(lambda: list(threads.map(post, batches[1:])), rounds=1)
    assert set(answers) == {200}
    taken = benchmark.stats.stats.total
    benchmark.extra_info["events_per_s"] = round(BATCH * len(answers) / taken)
    benchmark.extra_info["machine_s"] = round(calibration_s(), 2)
