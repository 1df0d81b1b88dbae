"""The workflows of examples/ci: as their schemas say, and their commands do what they promise.

What the host does is done here: a checkout with two commits, variables, a server for comments. Left
out is the installation, for the product is installed. GitLab's, which has the same commands in one
script, is run by `make soak`; what it does where something is wrong, always.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

import pytest
import yaml

from config.settings import Settings
from tests.commands import environment_of
from tests.conftest import ROOT

FOLDER = ROOT / "examples" / "ci"
SCHEMAS = {"github.yml": "vendor.github-workflows", "gitlab.yml": "vendor.gitlab-ci"}
BASE = (
    "trials: 1\niterations: 60\nborder_count: 32\nhorizon_days: 21\n"
    "cutoffs: {rule: every, days: 7}\n"
)
RULE = "version: 9\nmargin: 0.9\nmin_matured: 50\nmin_positives: 5\nmin_accounts: 20\ndraws: 100\n"


@pytest.mark.parametrize(("file", "schema"), SCHEMAS.items())
def test_a_workflow_is_what_its_schema_says(file: str, schema: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    done = subprocess.run(
        [*command, str(FOLDER / file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_every_workflow_has_a_schema() -> None:
    assert {path.name for path in FOLDER.glob("*.yml")} == SCHEMAS.keys()


@contextmanager
def comments() -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """A server for comments: its address, and what was posted as (path, token, body)."""
    posted: list[tuple[str, str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            token = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""
            posted.append((self.path, token, body))
            self.send_response(201)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", posted
        server.shutdown()


class Checkout:
    """A repository with `training.yaml` as it was and as a branch changes it; runs commands."""

    def __init__(self, folder: Path, home: Path, changed: str) -> None:
        self.folder = folder
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, **environment_of(home), "PATH": programs}
        folder.mkdir()
        self.git("init", "-q", "-b", "main")
        (folder / "training.yaml").write_text(BASE)
        self.commit("base")
        self.base = self.git("rev-parse", "HEAD")
        (folder / "training.yaml").write_text(changed)
        self.commit("changed")

    def git(self, *words: str) -> str:
        names = ["-c", "user.name=n", "-c", "user.email=n@example.com"]
        done = subprocess.run(
            ["git", *names, *words], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, message: str) -> None:
        self.git("add", "training.yaml")
        self.git("commit", "-q", "-m", message)

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script as the host does, the first command that fails ending it."""
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )

    def verdict(self) -> dict[str, str]:
        document: dict[str, str] = json.loads((self.folder / "canary.json").read_text())
        return document

    def check_reports(self, code: int) -> str:
        """Reports and the exit code say the same; returns the Markdown."""
        verdict = self.verdict()
        assert code == (0 if verdict["outcome"] == "pass" else 1)
        text = (self.folder / "canary.md").read_text()
        assert f"**Verdict: {verdict['outcome']}**" in text
        suite = ET.parse(self.folder / "canary.xml").getroot()
        assert suite.get("failures") == str(code)
        return text


@pytest.fixture
def home(own_home: Settings) -> Path:
    (own_home.home / "canary.yaml").write_text(RULE)
    return own_home.home


def github_step(name: str) -> str:
    steps = yaml.safe_load((FOLDER / "github.yml").read_text())["jobs"]["compare"]["steps"]
    script: str = next(step["run"] for step in steps if step.get("name") == name)
    assert "${{" not in script, "what others wrote comes by variables alone"
    return script


def gitlab(part: str) -> str:
    return "\n".join(yaml.safe_load((FOLDER / "gitlab.yml").read_text())["canary"][part])


def test_github_trains_both_compares_and_comments(home: Path, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout", home, BASE.replace("trials: 1", "trials: 1 # same"))
    summary = tmp_path / "summary.md"
    for name in ("Train both", "Freeze the rows to compare on"):
        done = checkout.run(github_step(name), BASE=checkout.base)
        assert done.returncode == 0, done.stderr
    compared = checkout.run(github_step("Compare"))
    text = checkout.check_reports(compared.returncode)
    assert compared.returncode == 0, "the same settings train the same version: it is no worse"
    assert checkout.verdict()["verdict"] == "no_worse"
    assert checkout.run(github_step("Show"), GITHUB_STEP_SUMMARY=str(summary)).returncode == 0
    assert summary.read_text() == text
    with comments() as (address, posted):
        host = {"GITHUB_API_URL": address, "GITHUB_REPOSITORY": "o/r", "PULL_REQUEST": "7"}
        done = checkout.run(github_step("Comment"), TOKEN="t", **host)
        assert done.returncode == 0, done.stderr
    ((path, token, body),) = posted
    assert (path, token) == ("/repos/o/r/issues/7/comments", "Bearer t")
    assert json.loads(body) == {"body": text}


@pytest.mark.soak
def test_gitlab_trains_both_compares_and_comments(home: Path, tmp_path: Path) -> None:
    worse = BASE.replace("iterations: 60", "iterations: 10").replace("trials: 1", "trials: 2")
    checkout = Checkout(tmp_path / "checkout", home, worse)
    (home / "canary.yaml").write_text(RULE.replace("margin: 0.9", "margin: 0.0001"))
    variables = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": checkout.base}
    compared = checkout.run(gitlab("script"), **variables)
    assert compared.returncode == 1, compared.stderr
    text = checkout.check_reports(compared.returncode)
    with comments() as (address, posted):
        host = {"CI_API_V4_URL": address, "CI_PROJECT_ID": "3", "CI_MERGE_REQUEST_IID": "8"}
        assert checkout.run(gitlab("after_script"), **host).returncode == 0
        assert posted == [], "without a token nothing is said"
        done = checkout.run(gitlab("after_script"), LEADSCORE_BOT_TOKEN="t", **host)
        assert done.returncode == 0, done.stderr
    ((path, token, body),) = posted
    assert (path, token) == ("/projects/3/merge_requests/8/notes", "t")
    assert parse_qs(body.decode()) == {"body": [text]}


def test_what_cannot_be_compared_is_told_by_exit_codes(home: Path, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout", home, BASE + "trails: 3\n")
    done = checkout.run(gitlab("script"), CI_MERGE_REQUEST_DIFF_BASE_SHA=checkout.base)
    assert done.returncode == 2
    assert "unknown field `trails`" in done.stderr
    for name in ("base.json", "changed.json"):
        (checkout.folder / name).write_text('{"label": "lead-1"}')
    done = checkout.run(github_step("Compare"))
    assert done.returncode == 2, "a version is not compared with itself"
    (checkout.folder / "changed.json").write_text('{"label": "lead-2"}')
    done = checkout.run(github_step("Compare"))
    assert done.returncode == 3, "nothing was frozen"
    assert not (checkout.folder / "canary.md").exists()
    quiet = checkout.run(gitlab("after_script"), LEADSCORE_BOT_TOKEN="t")
    assert quiet.returncode == 0, "nothing is commented where nothing was compared"


def test_the_log_is_ingested_where_a_file_of_it_is_named(tmp_path: Path) -> None:
    assert shutil.which("git")
    signals, home = tmp_path / "s.jsonl", tmp_path / "home"
    checkout = Checkout(tmp_path / "checkout", home, BASE + "seed: 8\n")
    made = checkout.run(f"leadscore simulate --leads 5 --out {signals}")
    assert made.returncode == 0, made.stderr
    done = checkout.run(github_step("Bring the event log"), LEADSCORE_SIGNALS=str(signals))
    assert done.returncode == 0, done.stderr
    assert (home / "signals.db").exists() or any(home.rglob("*.db"))
