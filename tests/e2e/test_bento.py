"""The built Bento serves from an empty folder: no home, no registry, no checkout."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from domain.clock import iso, to_us
from tests.conftest import ROOT, Trained
from tests.waiting import until_answered
from wiring.bundle import pack_bundle
from wiring.live_folders import BUNDLE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bento(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A Bento built with the trained home's live versions; its tag, and its store."""
    store = tmp_path_factory.mktemp("store")
    existed = BUNDLE.exists()
    pack_bundle(trained.settings)
    try:
        built = subprocess.run(
            [sys.executable, "-m", "bentoml", "build", "--output", "tag"],
            cwd=ROOT,
            env=_environment(store),
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
    finally:
        if not existed:
            shutil.rmtree(BUNDLE, ignore_errors=True)
    return built.stdout.strip().splitlines()[-1].removeprefix("__tag__:"), store


def _environment(store: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LEADSCORE_")}
    return {**kept, "BENTOML_HOME": str(store), "BENTOML_DO_NOT_TRACK": "True"}


@contextmanager
def served(tag: str, store: Path, folder: Path) -> Iterator[httpx.Client]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "bentoml", "serve", tag, "--port", str(port)],
        cwd=folder,
        # a copy's kernels would be compiled anew, for half a minute; checkouts' are, in other tests
        env={**_environment(store), "NUMBA_DISABLE_JIT": "1", "LEADSCORE_ACCESS": "loopback"},
        stdout=log,
        stderr=log,
    )
    try:
        base = f"http://127.0.0.1:{port}"
        until_answered(f"{base}/readyz", process)
        with httpx.Client(base_url=base, timeout=30) as client:
            yield client
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def test_events_in_explained_score_out(bento: tuple[str, Path], tmp_path: Path) -> None:
    from domain.clock import SystemClock

    now = iso(to_us(SystemClock().now()))
    events = [
        {
            "id": str(i),
            "source": "web",
            "type": "web.page_viewed",
            "time": now,
            "identifiers": {"email": "someone@company.com"},
            "data": {"page": "pricing"},
        }
        for i in range(3)
    ]
    with served(*bento, tmp_path) as client:
        sent = client.post("/events", json={"events": events}).json()
        assert (sent["received"], sent["accepted"]) == (3, 3)
        answer = client.post("/score", json={"identifiers": {"email": "someone@company.com"}})
        assert answer.status_code == 200, answer.text
        scored = answer.json()
        assert 0 < scored["score"] < 1
        assert scored["staleness_s"] < 60
        assert scored["decision"]["rules"]
        recorded = client.get(f"/decisions/{scored['decision_id']}").json()
        assert recorded["answer"] == scored
        missing = client.post("/score", json={"lead_id": "lead_nobody"})
        assert missing.status_code == 404
        assert missing.headers["content-type"].startswith("application/problem+json")
