"""Overrides on a lead's page: set and withdrawn in a browser; refused without the form's word."""

import getpass

import pytest
from playwright.sync_api import Page, expect

from config.os_account import os_account
from config.settings import Settings
from jobs.decisions.overrides import overrides_now
from tests.console.conftest import Console, StartConsole, leads_of
from tests.console.forms import send

pytestmark = pytest.mark.slow
WHY = "a partner <b>brought</b> them"


@pytest.fixture
def own(scored_copy: Settings, start_console: StartConsole) -> Console:
    return start_console(scored_copy)


def test_an_override_is_set_shown_and_withdrawn(page: Page, own: Console) -> None:
    lead = leads_of(own.settings)[0]
    own.enter(page)
    page.goto(f"{own.url}/leads/{lead}")
    page.get_by_text("Set an override").click()
    form = page.locator("form#override")
    form.get_by_label("Queue").fill("partners")
    form.get_by_label("Priority").select_option("1")
    until = form.get_by_label("Until").get_attribute("max") or ""
    form.get_by_label("Until").fill(until)
    form.get_by_label("Reason").fill(WHY)
    form.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("The override is in force")
    row = page.get_by_role("region", name="Overrides in force").locator("tbody tr")
    for text in ("the lead", "queue partners, priority 1", until, getpass.getuser(), WHY):
        expect(row).to_contain_text(text, ignore_case=True)
    (entry,) = overrides_now(own.settings)
    assert (entry.subjects, entry.by, entry.reason) == ((lead,), getpass.getuser(), WHY)
    assert entry.credential == os_account()
    assert entry.change.changes() == {"queue": "partners", "priority": 1}

    form = page.locator(f"form#withdraw-{entry.sequence}")
    form.get_by_label("Reason").fill("over")
    form.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("The override is ended")
    expect(page.locator("section#overrides")).to_contain_text("None: the policy decides")
    assert overrides_now(own.settings) == []


def test_what_cannot_be_overridden_is_refused(own: Console) -> None:
    lead, other = leads_of(own.settings)[:2]
    page, action = f"/leads/{lead}", f"/leads/{lead}/override"
    with own.owner() as client:
        refusals = [
            send(client, page, action, queue="a", until="2099-01-01", reason=WHY),
            send(client, page, action, queue="a", until="soon", reason=WHY),
            send(client, page, action, until=end_of(client.get(page).text), reason=WHY),
            send(client, page, action, queue="a", until=end_of(client.get(page).text), reason=""),
            client.post(action, data={"queue": "a", "until": "2099-01-01", "reason": WHY}),
        ]
        assert [answer.status_code for answer in refusals] == [422, 422, 422, 422, 403]
        assert overrides_now(own.settings) == []
        until = end_of(client.get(page).text)
        done = send(client, page, action, queue="a", priority="", until=until, reason=WHY)
        assert done.status_code == 303
        (entry,) = overrides_now(own.settings)
        foreign = send(
            client,
            page,
            f"/leads/{lead}/withdraw-override",
            number=str(entry.sequence + 7),
            reason=WHY,
        )
        assert foreign.status_code == 422
        assert f"withdraw-{entry.sequence}" not in client.get(f"/leads/{other}").text
    with own.client() as nobody:
        answer = nobody.post(action, data={"queue": "a", "until": until, "reason": WHY})
        assert answer.status_code in (401, 403)
    assert overrides_now(own.settings) == [entry]


def end_of(html: str) -> str:
    """The last day on which an override may end, as the form says."""
    return html.split('name="until" required min="')[1].split('max="')[1][:10]
