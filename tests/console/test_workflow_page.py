"""The workflow in the console: at a glance, one lead, and what people do with it."""

import getpass

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from config.os_account import os_account
from config.settings import Settings
from jobs.workflow.arrivals import move
from jobs.workflow.home import open_leads
from jobs.workflow.overview import workflow_overview
from serving.auth.api_key_store import open_keys
from tests.console.conftest import Console, StartConsole
from tests.console.forms import fields_of
from tests.console.test_writes import WHY, act

OWNERS = """
version: 1
owners: {anna: {capacity: 3}, ben: {}}
pools: {all: {owners: [anna, ben], queues: []}}
otherwise: all
"""


@pytest.fixture
def worked(scored_copy: Settings, start_console: StartConsole) -> Console:
    """A console on a home whose leads are offered to owners."""
    (scored_copy.home / "owners.yaml").write_text(OWNERS)
    move(scored_copy)
    return start_console(scored_copy)


def offered(console: Console) -> str:
    store = open_leads(console.settings)
    return next(row.lead_id for row in store.page(500, state="routed"))


@pytest.mark.slow
def test_a_lead_is_accepted_and_rejected_by_its_page(page: Page, worked: Console) -> None:
    lead = offered(worked)
    worked.enter(page)
    page.goto(f"{worked.url}/workflow?state=routed")
    overview = workflow_overview(worked.settings)
    assert overview.states["routed"] > 3
    expect(page.locator("main")).to_contain_text("anna")
    expect(page.locator("main")).to_contain_text("full")
    assert not Axe().run(page).response["violations"]
    page.get_by_role("link", name=lead).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(lead)
    assert not Axe().run(page).response["violations"]
    act(page, "do-accept")
    expect(page.get_by_role("status")).to_contain_text("Done")
    store = open_leads(worked.settings)
    entry = store.history(lead, 1)[0]
    assert (entry.to_state, entry.event.reason) == ("accepted", WHY)
    assert (entry.event.by, entry.event.credential) == (getpass.getuser(), os_account())
    page.goto(f"{worked.url}/leads/{lead}")
    page.get_by_role("link", name="In the workflow").click()
    act(page, "do-reject")
    assert store.get(lead).state == "rejected"
    expect(page.locator("main")).to_contain_text("to be offered to somebody else")


def test_a_form_that_is_sent_twice_acts_once(worked: Console) -> None:
    lead = offered(worked)
    address = f"/workflow/{lead}"
    with worked.owner() as client:
        word = fields_of(client.get(address).text, f"/console{address}/act")["form_word"]
        fields = {"action": "accept", "reason": WHY, "request_id": "0123456789", "form_word": word}
        first = client.post(f"{address}/act", data=fields)
        length = len(open_leads(worked.settings).history(lead))
        again = client.post(f"{address}/act", data=fields)
        never = client.post(f"{address}/act", data={**fields, "request_id": "other"})
        unknown = client.post(f"{address}/act", data={**fields, "action": "won"})
    assert (first.status_code, again.status_code) == (303, 303)
    kinds = [one.kind for one in open_leads(worked.settings).history(lead)]
    assert kinds.count("ignored") <= 1
    assert len(kinds) - kinds.count("ignored") == length
    assert never.status_code == 409  # an accepted lead cannot be accepted
    assert unknown.status_code == 422
    assert open_leads(worked.settings).get(lead).state == "accepted"


def test_its_scope_is_that_of_whoever_works_leads(worked: Console) -> None:
    lead = offered(worked)
    for scopes, status in ((["read"], 403), (["work"], 200)):
        _, sent = open_keys(worked.settings).create("sales", scopes)
        with worked.client() as client:
            client.post("/enter", data={"key": sent, "next": ""})
            seen = [client.get(path).status_code for path in ("/workflow", f"/workflow/{lead}")]
        assert seen == [status, status]


def test_what_is_due_soon_is_told_first(worked: Console) -> None:
    wide = workflow_overview(worked.settings, within_h=24 * 30, most=5)
    due = [one.due for one in wide.at_risk]
    assert due == sorted(due)
    assert (len(due), wide.at_risk_total > 5) == (5, True)
    assert {one.event for one in wide.at_risk} <= {"acceptance_reminder", "acceptance_due"}
    assert sum(one.leads for one in wide.queues) == wide.counted
    waiting = sum(one.unowned for one in wide.queues)
    assert waiting == wide.states["qualified"]
    with worked.owner() as client:
        page = client.get("/workflow?within=720").text
    assert f"{wide.at_risk_total:,} service levels fall due" in page
    assert all(one.lead_id in page for one in wide.at_risk)


def test_before_it_has_begun_the_page_says_how_it_begins(console: Console) -> None:
    with console.owner() as client:
        pages: list[httpx.Response] = [client.get("/workflow"), client.get("/workflow/lead_1")]
    assert [page.status_code for page in pages] == [404, 404]
    assert all("leadscore workflow run" in page.text for page in pages)
