"""Every page in the states that it can be in, and what every form answers: for everybody.

The home has a workflow, a report of value, an override, a rollout and quarantine. Each form of each
page is sent as it stands: what tries something shows its result, what writes is refused for want of
a reason.
"""

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from config.settings import Settings
from console.page_list import PAGES
from domain.clock import DAY
from domain.decisions import DecisionChange
from jobs.decisions.overrides import set_override
from jobs.workflow.arrivals import move
from jobs.workflow.home import home_now_us, open_leads
from tests.console.conftest import Console, StartConsole, leads_of
from tests.console.test_pages import ADDRESSES, address
from tests.console.test_value_page import REPORT
from tests.console.test_workflow_page import OWNERS

Look = Callable[[Page, str], None]
FORMS = "form[method=post][action], button[formaction]"
POSTS = {page.path for page in PAGES if page.method == "POST"}
APART = {"/audit/export", "/audit/find", "/leads/find"}
"""Forms that answer with a file or another page."""
NAMES = {"kind": "policy", "policy": "standard-1", "version": "lead-1"}
"""What stands in the addresses of forms that no page of this home has."""


@pytest.fixture
def lively(scored_copy: Settings, start_console: StartConsole) -> Console:
    """A console on a home in which everything is going on."""
    (scored_copy.home / "owners.yaml").write_text(OWNERS)
    move(scored_copy)
    folder = scored_copy.home / "reports"
    folder.mkdir(exist_ok=True)
    (folder / "value.json").write_bytes(msgspec.json.encode(REPORT))
    set_override(
        scored_copy,
        lead=leads_of(scored_copy)[0],
        account=None,
        change=DecisionChange(queue="partners"),
        until_us=home_now_us(scored_copy) // DAY * DAY + 2 * DAY,
        reason="a partner brought them",
        by="anna",
        credential="os:anna",
    )
    return start_console(scored_copy)


def walk(page: Page, console: Console, look: Look) -> None:
    """Look at each page, and once at what each form answers, also one that no page has now."""
    offered = next(row.lead_id for row in open_leads(console.settings).page(500, state="routed"))
    best = leads_of(console.settings)[0]
    places = [address(console, one) for one in ADDRESSES]
    places += [f"{console.url}/{one}" for one in (f"workflow/{offered}", f"leads/{best}")]
    sent = set[str]()
    for place in places:
        page.goto(place)
        look(page, place.removeprefix(console.url))
        for action in sorted(set(_actions(page))):
            path = _page_path(action)
            if path and path not in sent | APART:
                sent.add(path)
                page.goto(place)
                _send(page, action)
                look(page, f"{path} sent")
    for path in POSTS - sent - APART:
        page.goto(f"{console.url}/leads")
        _send(page, "/console" + path.format(**NAMES))
        look(page, f"{path} sent")


def _actions(page: Page) -> list[str]:
    found: list[str] = page.locator(FORMS).evaluate_all(
        "all => all.map(one => one.getAttribute('formaction') || one.getAttribute('action'))"
    )
    return found


def _page_path(action: str) -> str:
    """The path of the page list that an address is of; "" where it is none."""
    path = urlsplit(action).path.removeprefix("/console")
    fitting = (one for one in sorted(POSTS) if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), path))
    return next(fitting, "")


def _send(page: Page, action: str) -> None:
    """Send a form as it stands, or any other there, whatever the browser would ask for first."""
    with page.expect_navigation():
        page.evaluate(
            """action => {
                const own = [...document.querySelectorAll('form')];
                const button = document.querySelector(`button[formaction="${action}"]`);
                const form = own.find(one => one.getAttribute('action') === action)
                    || (button ? button.form : own[0]);
                form.setAttribute('action', action);
                HTMLFormElement.prototype.submit.call(form);
            }""",
            action,
        )


def walked(browser: Browser, console: Console, scheme: str, width: int) -> Iterator[str]:
    """What is wrong on the pages: what axe finds, and what is wider than the screen."""
    axe, worse = Axe(), list[str]()

    def look(page: Page, name: str) -> None:
        for found in axe.run(page).response["violations"]:
            if found["impact"] in ("serious", "critical"):
                worse.append(f"{name}: {found['id']}: {found['nodes'][0]['html'][:150]}")
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            worse.append(f"{name}: wider than the screen")

    with browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
    ) as context:
        walk(console.enter(context.new_page()), console, look)
    yield from worse


@pytest.mark.slow
def test_no_state_shuts_anybody_out_in_the_dark_on_a_telephone(
    browser: Browser, lively: Console
) -> None:
    assert list(walked(browser, lively, "dark", 390)) == []


@pytest.mark.soak
@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("light", 1280), ("dark", 1280)])
def test_no_state_shuts_anybody_out(
    browser: Browser, lively: Console, scheme: str, width: int
) -> None:
    assert list(walked(browser, lively, scheme, width)) == []
