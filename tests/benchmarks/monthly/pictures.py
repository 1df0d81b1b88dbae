"""Pictures of the page of a report, and of Evidently's dashboard, by a real browser."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.servers import free_port, program
from tests.waiting import until_answered

PATIENCE_S = 600.0
PROJECT = "cf51a940-8571-5928-a251-bdbd1c636140"


def picture(url: str, file: Path, width: int, height: int, drawn: str) -> None:
    """A picture of a page, once what it is to show is drawn: elements of the selector `drawn`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(
            viewport={"width": width, "height": height}, reduced_motion="reduce"
        )
        page.set_default_timeout(PATIENCE_S * 1000)
        page.goto(url, wait_until="networkidle")
        page.locator(drawn).first.wait_for(state="attached")
        page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished))")
        page.screenshot(path=file, animations="disabled")
        browser.close()


def page_picture(reports: Path, file: Path) -> None:
    """The top of a report's page."""
    picture((reports / "report.html").as_uri(), file, 1100, 1700, ".scatterlayer path")


@contextmanager
def evidently_ui(workspace: Path) -> Iterator[str]:
    """Evidently's own command on a free port; it knows nothing of this package."""
    port = free_port()
    command = [sys.executable, "-m", "evidently.cli", "ui", "--port", str(port)]
    with subprocess.Popen(
        [*command, "--workspace", str(workspace)],
        cwd=workspace,
        env={**os.environ, "DO_NOT_TRACK": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        try:
            until_answered(f"http://127.0.0.1:{port}/api/version", running, PATIENCE_S)
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()


def dashboard_picture(workspace: Path, file: Path) -> None:
    """The dashboard's first tab."""
    with evidently_ui(workspace) as url:
        picture(f"{url}/projects/{PROJECT}", file, 1300, 1900, "path.MuiLineElement-root")
