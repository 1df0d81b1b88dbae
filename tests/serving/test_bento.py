"""The Bento: built offline, complete, and started from a folder that holds nothing."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from tests.waiting import until_answered

ROOT = Path(__file__).resolve().parents[2]


def bentoml(home: Path, *argv: str) -> list[str]:
    return [
        *("env", f"BENTOML_HOME={home / 'bentoml'}", "BENTOML_DO_NOT_TRACK=True"),
        *(f"LEADSCORE_HOME={home / 'state'}", sys.executable, "-m", "bentoml", *argv),
    ]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bento")
    built = subprocess.run(
        bentoml(folder, "build", "--output", "tag"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def bento(home: Path) -> Path:
    return next(p.parent for p in (home / "bentoml" / "bentos").rglob("bento.yaml"))


@pytest.mark.slow
def test_it_holds_what_serving_needs_and_nothing_else(bento: Path) -> None:
    held = {p.relative_to(bento / "src").as_posix() for p in (bento / "src").rglob("*")}
    rooms = {name.partition("/")[0] for name in held}
    needed = {"domain", "storage", "config", "telemetry", "signals", "feature_repo", "registry"}
    needed |= {"decisions", "scoring", "workflow", "wiring", "jobs", "console", "measures"}
    assert rooms == needed | {"monitoring", "serving", "requirements", "bentofile.yaml"}
    assert {
        "signals/contracts/web.page_viewed.v1.yaml",
        "feature_repo/feature_store.yaml",
        "feature_repo/services/standard.yaml",
        "decisions/policies/standard.json",
    } <= held
    assert not [name for name in held if "__pycache__" in name or name.endswith((".pyc", ".db"))]


@pytest.mark.slow
def test_it_names_its_service_and_labels(bento: Path) -> None:
    said = yaml.safe_load((bento / "bento.yaml").read_text())
    assert said["service"] == "serving.service:LeadScoring"
    assert said["labels"]["product"] == "leadscore"


@pytest.mark.soak  # tests/e2e starts one that holds its versions, in every run
def test_it_starts_from_an_empty_folder_and_says_how_it_is(home: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    argv = ("serve", "lead_scoring:latest", "--host", "127.0.0.1", "--port", str(port))
    server = subprocess.Popen(
        bentoml(home, *argv), cwd=tmp_path, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        base = f"http://127.0.0.1:{port}"
        until_answered(f"{base}/livez", server)
        ready = httpx.get(f"{base}/readyz", timeout=60)
        assert ready.status_code == 200 or ready.json()["rule"]
        assert "/score" in httpx.get(f"{base}/docs.json").json()["paths"]
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
