"""The service keeps the contract that it publishes, against whatever the contract allows or not.

Schemathesis asks a running service with a trained home, seeded, from the service's own
description; only the lead of its examples is replaced by one that the home knows.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from config.settings import Settings
from serving.auth.api_key_store import open_keys
from serving.http import openapi_examples
from serving.supervisor import running

SEED = "5"
CONFIG = """
[[operations]]
include-path = ["/decisions", "/events", "/leads", "/score", "/score_batch", "/what_if"]
checks = { positive_data_acceptance = { enabled = false } }
"""
"""A cursor is opaque; no schema can say whole what is an address, or which features there are, or
what an event's contract asks; and a key that came with one body is refused with another."""
OPEN = """
[checks]
ignored_auth = { enabled = false }
"""
"""Where callers need no credential, none is missed."""


@pytest.fixture(scope="module")
def keyed(served_home: Settings) -> Iterator[tuple[str, str]]:
    """The same home served where a credential is needed; its address, and one."""
    _, key = open_keys(served_home).create("tests", ["admin"])
    with running(msgspec.structs.replace(served_home, access="required")) as url:
        yield url, key


def test_it_finds_no_breach_with_a_key(keyed: tuple[str, str], tmp_path: Path) -> None:
    find_breaches(*keyed, tmp_path)


def test_it_finds_no_breach_without(whole: httpx.Client, tmp_path: Path) -> None:
    find_breaches(str(whole.base_url), "", tmp_path)


def find_breaches(url: str, key: str, tmp_path: Path) -> None:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=url, headers=headers, timeout=30) as http:
        document = http.get("/docs.json").text
        (tmp_path / "api.json").write_text(document.replace(openapi_examples.LEAD, a_lead(http)))
    (tmp_path / "config.toml").write_text(CONFIG if key else OPEN + CONFIG)
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", "config.toml"),
        *("run", "api.json", "--url", url, "--seed", SEED, "--no-color"),
        *("--max-examples", "5", "--suppress-health-check", "all", "--continue-on-failure"),
        *(["-H", f"Authorization: Bearer {key}"] if key else []),
        *(["--phases", "examples,coverage,stateful"] if key else ["--phases", "examples,fuzzing"]),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def a_lead(http: httpx.Client) -> str:
    """A lead that the home knows, from now on."""
    assert http.post("/events", json=openapi_examples.EVENTS).json()["quarantined"] == 0
    identifiers = openapi_examples.EVENTS["events"][0]["identifiers"]
    answer = http.post("/score", json={"identifiers": identifiers})
    return str(answer.json()["lead_id"])
