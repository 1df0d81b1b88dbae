"""The workspace of reports: Evidently's own page opens it, wherever the home is."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from monitoring.reports.page import MOST_BYTES
from monitoring.reports.workspace import PROJECT, SavedSnapshot, save_snapshot, snapshots_of
from tests.monitoring.reports_data import written
from tests.servers import free_port
from tests.waiting import until, until_answered

MOST_OF_A_SNAPSHOT = 1_000_000


def kept(folder: Path, *, keep: int = 400, **of: object) -> SavedSnapshot:
    one = written(folder, **of)  # type: ignore[arg-type]
    return save_snapshot(folder, one.snapshot, one.summary, keep)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three reports, the last of a version that is off; the home is moved afterwards."""
    folder = tmp_path_factory.mktemp("made") / "reports"
    for day, odds in ((1, 1.0), (2, 1.0), (3, 3.0)):
        kept(folder, made=f"2026-03-0{day}T00:00:00Z", odds=odds)
    moved = tmp_path_factory.mktemp("moved") / "elsewhere"
    shutil.move(folder, moved)
    return moved


def test_a_report_made_again_takes_the_place_of_the_former(tmp_path: Path) -> None:
    first = kept(tmp_path)
    before = (tmp_path / first.file).read_text()
    assert kept(tmp_path) == first
    assert len(snapshots_of(tmp_path)) == 1
    assert metrics_in(before) == metrics_in((tmp_path / first.file).read_text()), "seeded"
    assert kept(tmp_path, model="lead-2") != first
    assert len(snapshots_of(tmp_path)) == 2


def metrics_in(snapshot: str) -> dict[str, float]:
    found = json.loads(snapshot)["metric_results"]
    return {name: result["value"] for name, result in found.items()}


def test_the_newest_stay(tmp_path: Path) -> None:
    for day in (4, 2, 3, 1):
        kept(tmp_path, keep=2, made=f"2026-03-0{day}T00:00:00Z")
    folder = tmp_path / "workspace" / str(PROJECT) / "snapshots"
    days = sorted(json.loads(path.read_text())["timestamp"][:10] for path in folder.iterdir())
    assert days == ["2026-03-03", "2026-03-04"]


def test_pages_and_snapshots_are_small_and_hold_no_rows(home: Path) -> None:
    assert (home / "report.html").stat().st_size < MOST_BYTES / 2
    for path in (home / "workspace").rglob("snapshots/*.json"):
        assert path.stat().st_size < MOST_OF_A_SNAPSHOT
        assert max(map(len, numbers_in(json.loads(path.read_text()))), default=0) <= 200


def numbers_in(of: object) -> Iterator[list[object]]:
    """Every list of numbers or texts."""
    if isinstance(of, dict):
        for one in of.values():
            yield from numbers_in(one)
    elif isinstance(of, list):
        if all(isinstance(one, int | float | str) for one in of):
            yield of
        for one in of:
            yield from numbers_in(one)


@contextmanager
def evidently_ui(workspace: Path) -> Iterator[str]:
    """Evidently's own command, on a free port, without this package's code."""
    port = free_port()
    environment = {**os.environ, "DO_NOT_TRACK": "true"}
    command = [sys.executable, "-m", "evidently.cli", "ui", "--port", str(port)]
    with subprocess.Popen(
        [*command, "--workspace", str(workspace)],
        cwd=workspace,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        try:
            url = f"http://127.0.0.1:{port}"
            until_answered(f"{url}/api/version", running, 180)
            yield url
        finally:
            running.terminate()


@pytest.mark.slow
def test_evidently_ui_opens_it_and_sees_the_next_report(home: Path, tmp_path: Path) -> None:
    with evidently_ui(home / "workspace") as url, httpx.Client(base_url=url, timeout=60) as http:
        projects = http.get("/api/projects").json()
        assert [(p["id"], p["name"]) for p in projects] == [(str(PROJECT), "Lead scoring: h")]
        reports = http.get(f"/api/projects/{PROJECT}/snapshots").json()
        assert len(reports) == 3
        kept(home, made="2026-03-04T00:00:00Z")
        until(lambda: len(http.get(f"/api/projects/{PROJECT}/snapshots").json()) == 4, 60)
