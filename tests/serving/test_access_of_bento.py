"""What BentoML's own command serves on every address, where this machine is trusted."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from config.settings import Settings
from serving.auth.api_key_store import open_keys
from tests.conftest import ROOT
from tests.servers import free_port
from tests.serving.double import KNOWN
from tests.waiting import until_answered


def own_address() -> str:
    """An address of this machine that others could reach; skips where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            address: str = probe.getsockname()[0]
        except OSError:
            pytest.skip("this machine has no address but its own")
    if address.startswith("127."):
        pytest.skip("this machine has no address but its own")
    return address


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    home, chosen = tmp_path_factory.mktemp("bento"), free_port()
    _, key = open_keys(Settings(home=home)).create("tests", ["score"])
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LEADSCORE_")},
        "LEADSCORE_HOME": str(home),
        "LEADSCORE_ACCESS": "loopback",
        "BENTOML_HOME": str(home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    command = [sys.executable, "-m", "bentoml", "serve", "tests.serving.double:Double"]
    command += ["--host", "0.0.0.0", "--port", str(chosen)]
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until_answered(f"http://127.0.0.1:{chosen}/livez", server)
        yield chosen, key
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def test_strangers_need_a_credential_and_this_machine_none(port: tuple[int, str]) -> None:
    number, key = port
    body, headers = {"lead_id": KNOWN[0]}, {"authorization": f"Bearer {key}"}
    elsewhere = f"http://{own_address()}:{number}"
    assert httpx.post(f"http://127.0.0.1:{number}/score", json=body).status_code == 200
    assert httpx.post(f"{elsewhere}/score", json=body).status_code == 401
    assert httpx.post(f"{elsewhere}/score", json=body, headers=headers).status_code == 200
    assert httpx.get(f"{elsewhere}/metrics").status_code == 401
    assert httpx.get(f"{elsewhere}/livez").status_code == 200


def test_headers_win_nobody_over(port: tuple[int, str]) -> None:
    elsewhere = f"http://{own_address()}:{port[0]}"
    for headers in (
        {"host": "127.0.0.1"},
        {"x-forwarded-for": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"},
        {"host": "localhost", "x-real-ip": "127.0.0.1", "x-forwarded-host": "localhost"},
    ):
        assert httpx.get(f"{elsewhere}/leads", headers=headers).status_code == 401


def test_what_a_proxy_on_this_machine_passes_on_is_strange(port: tuple[int, str]) -> None:
    here = f"http://127.0.0.1:{port[0]}"
    for headers in ({"x-forwarded-for": "192.0.2.7"}, {"origin": "https://page.example"}):
        assert httpx.get(f"{here}/leads", headers=headers).status_code == 401
