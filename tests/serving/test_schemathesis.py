"""The service keeps the contract that it publishes, against whatever the contract allows or not.

Schemathesis asks a running service with a trained home, seeded, from the service's own
description; only the lead of its examples is replaced by one that the home knows.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from serving import examples
from serving.key_store import open_keys
from serving.launch import running
from tests.conftest import Trained
from wiring.settings import Settings

SEED = "5"
CONFIG = """
[[operations]]
include-path = ["/leads", "/score"]
checks = { positive_data_acceptance = { enabled = false } }
"""
"""A cursor is opaque, and what is an address or a telephone number no schema can say whole."""
OPEN = """
[checks]
ignored_auth = { enabled = false }
"""
"""Where callers need no credential, none is missed."""


@pytest.fixture(scope="module")
def home(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("asked") / "home"
    shutil.copytree(trained.settings.home, folder)
    return msgspec.structs.replace(trained.settings, home=folder)


@pytest.fixture(scope="module", params=["loopback", "required"])
def asked(request: pytest.FixtureRequest, home: Settings) -> Iterator[tuple[str, str]]:
    """A service that needs no credential, or one; its address and a credential or ""."""
    _, key = open_keys(home).create("tests", ["admin"])
    settings = msgspec.structs.replace(home, access=request.param)
    with running(settings) as url:
        yield url, key if request.param == "required" else ""


def test_it_finds_no_breach(asked: tuple[str, str], tmp_path: Path) -> None:
    url, key = asked
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=url, headers=headers, timeout=30) as http:
        document = http.get("/docs.json").text
        (tmp_path / "api.json").write_text(document.replace(examples.LEAD, a_lead(http)))
    (tmp_path / "config.toml").write_text(CONFIG if key else OPEN + CONFIG)
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", "config.toml"),
        *("run", "api.json", "--url", url, "--seed", SEED, "--no-color"),
        *("--max-examples", "12", "--suppress-health-check", "all", "--continue-on-failure"),
        *(["-H", f"Authorization: Bearer {key}"] if key else []),
        *(["--phases", "examples,coverage,stateful"] if key else ["--phases", "examples,fuzzing"]),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def a_lead(http: httpx.Client) -> str:
    """A lead that the home knows, from now on."""
    assert http.post("/events", json=examples.EVENTS).json()["quarantined"] == 0
    identifiers = examples.EVENTS["events"][0]["identifiers"]
    answer = http.post("/score", json={"identifiers": identifiers})
    return str(answer.json()["lead_id"])
