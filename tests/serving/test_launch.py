"""Starting and stopping: ports, readiness, what is said when it does not work."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from config.settings import Settings
from domain.errors import BadInput, NoModel, Unavailable
from serving.supervisor import MOST_WAIT_S, Server, WorkerProcess, running, serve, start

SERVES = (
    "import sys; from pathlib import Path; from serving.supervisor import serve;"
    "from config.settings import Settings; home = Settings(home=Path(sys.argv[1]));"
    "sys.exit(serve(home, '127.0.0.1', int(sys.argv[2]), 1, 'tests.serving.double:Double'))"
)


def test_a_port_in_use_is_told_at_once(url: str, tmp_path: Path) -> None:
    port = httpx.URL(url).port or 0
    with pytest.raises(BadInput, match=str(port)) as refused:
        serve(Settings(home=tmp_path), "127.0.0.1", port)
    assert refused.value.rule == "port-in-use"
    assert refused.value.todo
    assert not (tmp_path / "logs").exists(), "no worker was started"


@pytest.mark.parametrize(("host", "port"), [("203.0.113.1", 0), ("127.0.0.1", 70_000)])
def test_an_address_that_cannot_be_is_refused(host: str, port: int, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        serve(Settings(home=tmp_path), host, port)
    assert refused.value.rule == "address"


def test_a_service_that_cannot_start_says_its_last_words(tmp_path: Path) -> None:
    with (
        pytest.raises(Unavailable, match="nobody foresaw this") as said,
        running(Settings(home=tmp_path), service="tests.serving.double:Broken"),
    ):
        pass
    assert said.value.rule == "server-starts"
    assert str(tmp_path) in said.value.todo


def test_a_service_without_a_model_lives_and_is_not_ready(tmp_path: Path) -> None:
    service = "tests.serving.double:Modeless"
    server = start(Settings(home=tmp_path), "127.0.0.1", 0, 2, service)
    try:
        with pytest.raises(NoModel, match="Promote one"):
            server.wait_ready()
        assert httpx.get(f"{server.url}/livez").status_code == 200
        ready = httpx.get(f"{server.url}/readyz")
        assert ready.status_code == 503
        assert ready.headers["content-type"] == "application/problem+json"
        assert ready.json()["rule"] == "no-champion"
    finally:
        server.stop()
    assert all(worker.process.returncode != -signal.SIGKILL for worker in server.workers)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/livez")


def test_sigterm_ends_the_server_and_frees_its_port(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    argv = [sys.executable, "-c", SERVES, str(tmp_path), str(port)]
    child = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    assert child.stderr.readline().startswith("access: programs on this machine need no")
    assert child.stderr.readline().startswith(f"serving on http://127.0.0.1:{port}")
    os.kill(child.pid, signal.SIGTERM)
    assert child.wait(20) == 0
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
    child.stderr.close()


def test_a_worker_that_dies_is_replaced_and_who_waits_is_answered(tmp_path: Path) -> None:
    server = start(Settings(home=tmp_path), "127.0.0.1", 0, 1, "tests.serving.double:Double")
    try:
        server.wait_ready()
        before = server.workers[0].process
        before.kill()
        before.wait()
        assert server.mend() == [-signal.SIGKILL]
        assert server.mend() == []
        assert httpx.get(f"{server.url}/livez", timeout=60).status_code == 200
        assert server.workers[0].process.pid != before.pid
    finally:
        server.stop()


def end(server: Server) -> None:
    server.workers[0].process.kill()
    server.workers[0].process.wait()


def replaced(server: Server, seconds: float = 20.0) -> float:
    """Mend until there is another worker; how long that took."""
    before, began = server.workers[0].process.pid, time.monotonic()
    while server.workers[0].process.pid == before:
        assert time.monotonic() - began < seconds
        server.mend()
        server.wait()
    return time.monotonic() - began


def test_workers_that_do_not_live_are_started_for_ever_after_waits_that_grow(
    tmp_path: Path,
) -> None:
    server = start(Settings(home=tmp_path), "127.0.0.1", 0, 1, "tests.serving.double:Double")
    try:
        waited = []
        for _ in range(4):
            end(server)
            waited.append(replaced(server))
        assert waited[0] < 0.5 <= waited[1] < waited[2] < waited[3]
        server.wait_ready()
    finally:
        server.stop()


def test_the_wait_is_bounded_and_a_long_life_ends_it() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    worker = WorkerProcess(process, threading.Thread(), since_s=100.0, early_ends=500)
    worker.ended(101.0)
    assert worker.next_s == 101.0 + MOST_WAIT_S
    worker.ended(1_000.0)
    assert (worker.early_ends, worker.next_s) == (0, 1_000.0)


def test_while_no_worker_lives_callers_are_told_to_come_again(tmp_path: Path) -> None:
    server = start(Settings(home=tmp_path), "127.0.0.1", 0, 1, "tests.serving.double:Double")
    try:
        server.wait_ready()
        end(server)
        server.workers[0].early_ends = 3
        assert server.mend() == [-signal.SIGKILL]
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(httpx.post, f"{server.url}/score", json={"lead_id": "x"})
            while not asked.done():
                server.wait()
            told = asked.result()
        assert told.status_code == 503
        assert int(told.headers["retry-after"]) >= 1
        assert told.json()["rule"] == "workers-alive"
    finally:
        server.stop()


def test_no_worker_is_started_while_the_home_is_away(tmp_path: Path) -> None:
    home = tmp_path / "home"
    server = start(Settings(home=home), "127.0.0.1", 0, 1, "tests.serving.double:Double")
    try:
        server.wait_ready()
        home.rename(tmp_path / "elsewhere")
        before = server.workers[0].process.pid
        end(server)
        server.mend()
        server.mend()
        assert server.workers[0].process.pid == before
        assert not home.exists()
        (tmp_path / "elsewhere").rename(home)
        replaced(server)
        server.wait_ready()
    finally:
        server.stop()


def test_workers_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    child = subprocess.Popen(
        [sys.executable, "-c", SERVES, str(tmp_path), str(port)], stderr=subprocess.PIPE, text=True
    )
    assert child.stderr is not None
    with child.stderr:
        assert "access" in child.stderr.readline()
        assert "serving on" in child.stderr.readline()
    child.kill()
    child.wait()
    until, free = time.monotonic() + 20, False
    while not free:
        assert time.monotonic() < until, "somebody still listens"
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free = again.connect_ex(("127.0.0.1", port)) != 0
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
