"""A console on a scored home, and a real browser to look at it."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from config.settings import Settings
from serving.console_server import ConsoleServer
from tests.conftest import Trained
from tests.servers import program

COOKIE = "leadscore_console"
PATIENCE_MS = 120_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True)
class Console:
    """A running console: where it is, the home it shows, the session of who started it."""

    url: str
    settings: Settings
    session: str

    def client(self) -> httpx.Client:
        """A client without a credential, which follows no redirect."""
        return httpx.Client(base_url=self.url, timeout=120)

    def owner(self) -> httpx.Client:
        """A client that is logged in as who started the console."""
        return httpx.Client(base_url=self.url, timeout=120, cookies={COOKIE: self.session})

    def enter(self, page: Page) -> Page:
        """Log the browser of a tab in as who started the console, and open the first page."""
        host, base = urlsplit(self.url).hostname or "", urlsplit(self.url).path
        page.context.add_cookies(
            [{"name": COOKIE, "value": self.session, "domain": host, "path": base}]
        )
        page.goto(f"{self.url}/leads")
        return page


def entered(server: ConsoleServer, url: str, settings: Settings) -> Console:
    """A console whose one-time address is used."""
    with httpx.Client(timeout=120) as client:
        answer = client.get(server.link)
    assert answer.status_code == 303, answer.text
    return Console(url, settings, answer.cookies[COOKIE])


StartConsole = Callable[[Settings], Console]


@pytest.fixture(scope="session")
def scored_home(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of the trained home whose every lead is scored; not to be written to."""
    from jobs.decisions.batch_scoring import score_all
    from wiring.scoring import open_scoring

    folder = tmp_path_factory.mktemp("scored")
    shutil.copytree(trained.settings.home, folder / "home")
    settings = msgspec.structs.replace(trained.settings, home=folder / "home")
    score_all(open_scoring(settings), folder / "scores.jsonl", lambda _: None)
    return settings


@pytest.fixture
def scored_copy(scored_home: Settings, tmp_path: Path) -> Settings:
    """A copy of the scored home, to do anything to."""
    shutil.copytree(scored_home.home, tmp_path / "home")
    return msgspec.structs.replace(scored_home, home=tmp_path / "home")


@pytest.fixture(scope="session")
def console(scored_home: Settings) -> Iterator[Console]:
    """A console to look at."""
    server = ConsoleServer(scored_home, "127.0.0.1", 0)
    with server.running() as url:
        yield entered(server, url, scored_home)


@pytest.fixture
def start_console() -> Iterator[StartConsole]:
    """Starts consoles on homes of a test's own."""
    with ExitStack() as stack:

        def start(settings: Settings) -> Console:
            server = ConsoleServer(settings, "127.0.0.1", 0)
            return entered(server, stack.enter_context(server.running()), settings)

        yield start


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Chromium itself, as the machine has it.

    One for each test: while Playwright runs, so does an event loop in its thread, and no
    other test of this process could start its own.
    """
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without a memory."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab; a script that fails, or anything that the policy blocks, fails the test."""
    page, faults = context.new_page(), list[str]()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None,
    )
    yield page
    assert faults == []


def leads_of(settings: Settings) -> list[str]:
    """The leads that are scored, the best first."""
    from wiring.decisions import open_trail

    return [record.answer.lead_id for record in open_trail(settings).latest(200).records]
