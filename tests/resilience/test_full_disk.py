"""The home's disk is full, read-only or small: refused in time, nobody dies, all comes back."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest

from config.settings import Settings
from tests.conftest import ROOT, Trained
from tests.resilience.conftest import lead_ids
from tests.resilience.disks import fill, free, make_read_only, small_disk
from tests.resilience.services import Service, assert_told, service
from tests.servers import free_port
from tests.waiting import until
from wiring.decisions import open_trail
from wiring.scoring import open_scoring

SPARE_MB = 40
MANY = 300
READ = ("/livez", "/readyz", "/leads", "/metrics")


@pytest.fixture
def leads(own_home: Settings) -> list[str]:
    """Some leads, looked up elsewhere: the disk must not be busy because of it."""
    return lead_ids(open_scoring(own_home), 20)


@pytest.fixture
def on_disk(trained: Trained, tmp_path: Path) -> Iterator[tuple[Settings, Path]]:
    """A home on a disk of its own that has little room left, and the disk."""
    held = (path for path in trained.settings.home.rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in held)
    with small_disk(tmp_path / "disk", (size >> 20) + SPARE_MB) as disk:
        home = disk / "home"
        shutil.copytree(trained.settings.home, home)
        yield msgspec.structs.replace(trained.settings, home=home), disk


def assert_refused(held: Service) -> None:
    assert_told(held.score(), "audit-available")
    assert_told(held.batch(), "audit-available")
    assert_told(held.events(), "database-usable", "log-available")


def lose_a_worker(held: Service) -> None:
    """Kill one and wait until another answers, or until it ended as well."""
    worker = held.server.workers[0]
    worker.process.kill()
    worker.process.wait()
    held.server.mend()
    assert held.server.workers[0].process.pid != worker.process.pid


def test_a_full_disk_refuses_kills_nobody_and_room_lets_go_on(
    on_disk: tuple[Settings, Path], leads: list[str]
) -> None:
    settings, disk = on_disk
    with service(settings, leads, workers=2) as held:
        held.assert_well()
        before = [worker.process.pid for worker in held.server.workers]
        fill(disk)
        for _ in range(MANY):  # under load: metrics and logs are written to all the while
            held.score()
        assert_refused(held)
        for path in READ:
            assert held.client.get(path).status_code == 200, path
        assert held.server.mend() == []
        assert [worker.process.pid for worker in held.server.workers] == before
        free(disk)
        held.until(held.recovered)
        held.assert_well()
        said = held.client.get("/metrics").text
        assert 'outcome="unavailable"' in said
    trail = open_trail(settings)
    assert trail.verify().broken is None


def test_a_worker_that_is_killed_on_a_full_disk_comes_back_by_itself(
    on_disk: tuple[Settings, Path], leads: list[str]
) -> None:
    settings, disk = on_disk
    with service(settings, leads) as held:
        fill(disk)
        lose_a_worker(held)
        held.until(lambda: held.client.get("/livez").status_code in (200, 503))
        assert_told(held.score(), "audit-available", "workers-alive", "database-usable")
        free(disk)
        held.until(held.recovered)
        held.assert_well()


def test_a_home_that_became_read_only_refuses_and_goes_on_once_it_is_not(
    on_disk: tuple[Settings, Path], leads: list[str]
) -> None:
    """Kernels make a disk read-only under files that are open; a person cannot. So all workers end
    first, and begin on the disk as it is then."""
    settings, disk = on_disk
    with service(settings, leads) as held:
        held.assert_well()
        held.server.workers[0].process.send_signal(signal.SIGKILL)
        held.server.workers[0].process.wait()
        make_read_only(disk, read_only=True)
        held.server.mend()
        held.until(lambda: held.client.get("/livez").status_code == 200)
        ready = held.client.get("/readyz")
        assert ready.status_code in (200, 503)
        told = [held.score(), held.batch(), held.events()]
        for one in told:
            assert_told(one, "audit-available", "database-usable", "file-access", "log-available")
        make_read_only(disk, read_only=False)
        held.until(held.recovered)
        held.until(lambda: held.events().status_code == 200)
        held.assert_well()


def test_a_disk_that_is_full_at_the_start_is_no_reason_not_to_start(
    on_disk: tuple[Settings, Path], leads: list[str]
) -> None:
    settings, disk = on_disk
    fill(disk)
    with service(settings, leads, ready=False) as held:
        for told in (held.client.get("/readyz"), held.score(), held.batch(), held.events()):
            assert_told(told, "audit-available", "database-usable", "file-access")
        free(disk)
        held.until(held.recovered)
        held.assert_well()


@contextmanager
def bento(settings: Settings, disk: Path, log: Path) -> Iterator[tuple[httpx.Client, int]]:
    """`bentoml serve` with all that it keeps on a disk: a client, and the process's id."""
    port = free_port()
    environment = {**os.environ, **settings.environment(), "BENTOML_HOME": str(disk / "bentoml")}
    environment["LEADSCORE_ACCESS"] = "loopback"
    command = ["-m", "bentoml", "serve", "serving.service:LeadScoring", "--port", str(port)]
    with log.open("wb") as words:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, stdout=words, stderr=words
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client, process.pid
    finally:
        process.terminate()
        process.wait(30)


def test_a_full_disk_kills_no_worker_of_bentoml_serve_either(
    on_disk: tuple[Settings, Path], leads: list[str], tmp_path: Path
) -> None:
    settings, disk = on_disk
    with bento(settings, disk, tmp_path / "log") as (client, process):

        def answers(path: str) -> bool:
            try:
                return client.get(path).status_code == 200
            except httpx.TransportError:
                return False

        until(lambda: answers("/readyz"))
        for path in READ:
            assert client.get(path).status_code == 200, path
        assert client.post("/score", json={"lead_id": leads[0]}).is_success
        workers = [child.pid for child in psutil.Process(process).children(recursive=True)]
        fill(disk)
        for path in READ:
            assert client.get(path).status_code == 200, path
        for _ in range(MANY):
            assert_told(client.post("/score", json={"lead_id": leads[0]}), "audit-available")
        assert client.get("/metrics").status_code == 200
        assert [c.pid for c in psutil.Process(process).children(recursive=True)] == workers
        free(disk)
        until(lambda: client.post("/score", json={"lead_id": leads[0]}).is_success)
