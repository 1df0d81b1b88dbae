"""A newcomer's path, as README tells it: the demonstration, then its home in a browser."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.commands import environment_of
from tests.conftest import ROOT
from tests.console.conftest import PATIENCE_MS
from tests.servers import program

pytestmark = pytest.mark.slow
LEADS = 400
"""So few that it takes a minute; all else is as in `make demo`."""
WAIT_S = 900


def run(home: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "leadscore", *words],
        env={**os.environ, **environment_of(home)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_demonstration_then_the_console(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert "leadscore demo" in (ROOT / "Makefile").read_text()
    demo = run(home, "demo", "--leads", str(LEADS))
    told, _ = demo.communicate(timeout=WAIT_S)
    assert demo.returncode == 0, told[-2_000:]
    for heading in ("signals ", "leads ", "champion ", "challenger ", "canary ", "the loop "):
        assert re.search(rf"(?m)^{heading}", told), heading
    (command,) = re.findall(r"leadscore (console) +look and act on", told)

    console = run(home, *shlex.split(command), "--port", "0")
    try:
        assert console.stdout is not None
        said = [console.stdout.readline() for _ in range(2)]
        looked(said[1].strip())
    finally:
        console.send_signal(signal.SIGINT)
        assert console.wait(60) in (0, 130)


def looked(link: str) -> None:
    """What README promises is there: leads, a rollout with its sequence, a report."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=sandbox)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.goto(link)
        expect(page.get_by_role("heading", level=1)).to_have_text("Leads")
        assert page.locator("table.leads tbody tr").count() == 50
        page.get_by_role("link", name="Rollouts").click()
        expect(page.locator("#model")).to_contain_text("lead-3")
        page.get_by_role("button", name="Look at the evidence now").click()
        expect(page.locator("#model .sentence").first).to_contain_text("Now it would")
        page.get_by_role("link", name="Monitoring").click()
        expect(page.locator("main")).to_contain_text("Calibration and lift")
        expect(page.get_by_role("link", name="Evidently's page")).to_be_visible()
        browser.close()
