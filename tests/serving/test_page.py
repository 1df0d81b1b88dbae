"""`/docs` shows the whole API in a browser that has no network but this service."""

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from serving.auth.open_paths import DOCS, PAGE
from serving.http.openapi import describe


def test_all_that_the_page_asks_for_is_served_here(http: httpx.Client) -> None:
    answer = http.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    asked = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert {f"/{path}" for path in asked} == DOCS - {PAGE}
    for path in asked:
        assert http.get(f"/{path}").status_code == 200


def test_the_browser_is_told_to_ask_nobody_else(http: httpx.Client) -> None:
    policy = http.get("/docs").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_nothing_else_is_served_from_the_folder(http: httpx.Client) -> None:
    for path in ("/docs/index.css", "/docs/../docs/marked.min.js", "/docs/", "/docs/%2e%2e/x"):
        assert http.get(path).status_code == 404


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no browser here")
def test_a_browser_shows_every_operation(url: str, tmp_path: Path) -> None:
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path}", "--virtual-time-budget=10000"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"{url}/docs"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    for path in describe()["paths"]:
        assert f'data-path="{path}"' in done.stdout, path
