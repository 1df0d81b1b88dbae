"""The console where users meet it: under the service, and as a command."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import msgspec
import pytest

from config.settings import Settings
from serving.auth.api_key_store import open_keys
from serving.supervisor import running
from tests.commands import environment_of
from tests.conftest import ROOT
from tests.console.conftest import leads_of
from tests.console.forms import send

pytestmark = pytest.mark.slow


def test_the_service_holds_it_with_its_own_access(scored_copy: Settings) -> None:
    lead = leads_of(scored_copy)[5]
    _, sent = open_keys(scored_copy).create("sales", ["read", "score"])
    secured = msgspec.structs.replace(scored_copy, access="required")
    with running(secured) as base, httpx.Client(base_url=f"{base}/console", timeout=60) as client:
        assert client.get("/leads").headers["location"].startswith("/console/enter")
        assert client.post("/enter", data={"key": sent, "next": ""}).status_code == 303
        assert lead in client.get("/leads").text
        asked = send(client, f"/leads/{lead}", f"/leads/{lead}/what-if#what-if")
        assert asked.status_code == 422  # nothing was changed
        name = asked_name(client.get(f"/leads/{lead}").text)
        answer = send(client, f"/leads/{lead}", f"/leads/{lead}/what-if#what-if", **{name: "1.5"})
        assert answer.status_code == 200, answer.text
        assert "as it would be" in answer.text
        # the service's own paths are as they were: a session is no credential there
        assert client.get(f"{base}/leads").status_code == 401
        assert client.get(f"{base}/readyz").status_code == 200
        assert client.get(f"{base}/consolation").status_code in (401, 404)


def asked_name(html: str) -> str:
    """The name of the first slider."""
    return html.partition('id="s-')[2].partition('"')[0]


def test_the_command_prints_an_address_that_logs_in(scored_copy: Settings) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "leadscore", "console", "--port", "0"],
        env={**os.environ, **environment_of(scored_copy.home)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        link = lines[1].strip()
        with httpx.Client(timeout=60, follow_redirects=True) as client:
            shown = client.get(link)
            assert shown.status_code == 200
            assert "log out" in shown.text
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in (0, 130)


def test_without_a_home_it_says_what_to_do(tmp_path: Path) -> None:
    from tests.commands import leadscore

    answer = leadscore(tmp_path / "none", "console", "--port", "0")
    assert answer.returncode == 3
    assert "leadscore demo" in answer.stderr
