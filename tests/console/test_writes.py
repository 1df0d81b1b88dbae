"""Each write in a real browser: it happens, and stands in the ledger under who did it, and why."""

import getpass
import json

import pytest
from playwright.sync_api import Page, expect

from config.os_account import os_account
from config.settings import Settings
from registry.ledger_entry import LedgerEntry
from serving.auth.api_key_store import open_keys
from tests.console.conftest import Console, StartConsole, leads_of
from wiring.registry import open_policies, open_registry

pytestmark = pytest.mark.slow
WHY = "because it is better"
SOME = "{rule: at_least, name: some_positives, count: test_positives, limit: 1}"
GOLDEN = "{rule: at_most, name: golden_rows_hold, count: golden_broken, limit: 0}"


def gates(champion: str, more: str = "") -> str:
    """Gates that ask for little, but of a champion."""
    return (
        f"version: 1\n{more}challenger: [{SOME}]\nchampion: [{champion}]\n"
        f"policy:\n  challenger: [{GOLDEN}]\n  champion: [{GOLDEN}]\n"
    )


def newest(settings: Settings, count: int = 1) -> list[LedgerEntry]:
    return list(open_registry(settings).ledger.entries()[-count:])


def check_author(entry: LedgerEntry, kind: str) -> None:
    assert (entry.kind, entry.reason) == (kind, WHY)
    assert (entry.by, entry.credential) == (getpass.getuser(), os_account())


def act(page: Page, form: str, **fields: str) -> None:
    """Give the reason, fill in the rest, and send."""
    where = page.locator(f"form#{form}")
    where.get_by_label("Reason").fill(WHY)
    for name, value in fields.items():
        where.locator(f"[name={name}]").fill(value)
    where.get_by_role("button").last.click()
    page.wait_for_load_state()


@pytest.fixture
def own(scored_copy: Settings, start_console: StartConsole) -> Console:
    return start_console(scored_copy)


def test_a_version_is_promoted_and_rolled_back(page: Page, own: Console) -> None:
    own.enter(page)
    page.goto(f"{own.url}/models/lead-2")
    form = page.locator("form#promote")
    form.get_by_label("Stage").select_option("champion")
    form.get_by_label("Though a gate refuses").check()
    act(page, "promote")
    expect(page.get_by_role("status")).to_contain_text("Promoted")
    promoted = next(e for e in newest(own.settings, 3) if e.kind == "promoted")
    check_author(promoted, "promoted")
    assert open_registry(own.settings).standing().champion == "lead-2"

    page.goto(f"{own.url}/models")
    act(page, "roll-back")
    expect(page.get_by_role("status")).to_contain_text("Rolled back")
    check_author(newest(own.settings)[0], "rolled_back")
    assert open_registry(own.settings).standing().champion == "lead-1"


def test_gates_refuse_with_their_figures(page: Page, own: Console) -> None:
    (own.settings.home / "gates.yaml").write_text(
        gates("{rule: above, name: ranks, metric: auroc, end: low, limit: 0.999}")
    )
    before = len(open_registry(own.settings).ledger.entries())
    own.enter(page)
    page.goto(f"{own.url}/models/lead-2")
    page.locator("form#promote").get_by_label("Stage").select_option("champion")
    act(page, "promote")
    expect(page.get_by_role("alert")).to_contain_text("did not pass: ranks")
    expect(page.get_by_role("table")).to_contain_text("refused")
    assert len(open_registry(own.settings).ledger.entries()) == before


def test_a_second_person_approves(page: Page, own: Console) -> None:
    (own.settings.home / "gates.yaml").write_text(gates(SOME, "second_approver: true\n"))
    own.enter(page)
    page.goto(f"{own.url}/models/lead-2")
    page.locator("form#promote").get_by_label("Stage").select_option("champion")
    act(page, "promote")
    expect(page.get_by_role("status")).to_contain_text("second person")
    act(page, "approve")  # by who asked
    expect(page.get_by_role("alert")).to_be_visible()
    assert open_registry(own.settings).standing().champion == "lead-1"

    key, sent = open_keys(own.settings).create("reviewer", ["read", "approve"])
    page.goto(f"{own.url}/models")
    page.get_by_role("button", name="log out").click()
    page.get_by_label("Key or token").fill(sent)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="reviewer · log out")).to_be_visible()
    page.goto(f"{own.url}/models/lead-2")
    assert page.locator("form#promote button").is_disabled()
    act(page, "approve")
    expect(page.get_by_role("status")).to_contain_text("Approved")
    (entry,) = [e for e in newest(own.settings, 3) if e.kind == "promoted"]
    assert (entry.by, entry.credential) == ("reviewer", f"key:{key.key_id}")


def test_a_rollout_goes_its_way(page: Page, own: Console) -> None:
    own.enter(page)
    for form, fields, kind in (
        ("model-hold", {}, "rollout_held"),
        ("model-hold", {}, "rollout_held"),
        ("model-advance", {"weight": "70"}, "rollout_changed"),
        ("model-abort", {}, "rollout_aborted"),
    ):
        page.goto(f"{own.url}/rollouts")
        act(page, form, **fields)
        expect(page.get_by_role("status")).to_be_visible()
        check_author(newest(own.settings)[0], kind)
    page.goto(f"{own.url}/rollouts")
    start = page.locator("form#model-start")
    start.get_by_label("share of step 1").fill("5")
    start.get_by_label("hours of step 1").fill("24")
    start.get_by_label("share of step 2").fill("20")
    act(page, "model-start")
    entry = newest(own.settings)[0]
    check_author(entry, "rollout_started")
    assert entry.rollout is not None
    assert [(s.weight, s.dwell_hours) for s in entry.rollout.steps] == [(0.05, 24.0), (0.2, 0.0)]


def test_identifiers_are_set_apart(page: Page, own: Console) -> None:
    from jobs.leads.lead_lookup import find
    from wiring.signals import open_signals

    directory = open_signals(own.settings).directory
    several = (one for one in leads_of(own.settings) if len(names_of(directory, one)) > 2)
    lead = next(several)
    before = names_of(directory, lead)
    own.enter(page)
    page.goto(f"{own.url}/leads/{lead}")
    page.locator("form#split input[type=checkbox]").last.check()
    act(page, "split")
    expect(page.get_by_role("status")).to_contain_text("set apart")
    check_author(newest(own.settings)[0], "lead_split")
    assert len(names_of(open_signals(own.settings).directory, lead)) < len(before)
    assert find(directory, lead).lead_id == lead


def names_of(directory: object, lead: str) -> list[object]:
    from signals.identity.directory import Directory

    assert isinstance(directory, Directory)
    return list(directory.names(directory.resolve(lead)))


def test_quarantine_is_tried_again(page: Page, own: Console) -> None:
    own.enter(page)
    page.goto(f"{own.url}/data/quarantine")
    act(page, "replay")
    expect(page.get_by_role("status")).to_contain_text("tried again")
    check_author(newest(own.settings)[0], "quarantine_replayed")


def test_a_policy_is_edited_checked_registered_and_promoted(page: Page, own: Console) -> None:
    own.enter(page)
    page.goto(f"{own.url}/policies/standard-1/edit")
    page.get_by_label("Name", exact=True).fill("ours")
    page.get_by_label("Grade A, least probability").fill("0.3")
    rows = page.locator("input[name='rows.routing']")
    count = int(rows.get_attribute("value") or 0)
    page.get_by_role("button", name="Add a row before: Routing, row 1", exact=True).click()
    assert int(rows.get_attribute("value") or 0) == count + 1
    page.get_by_role("button", name="Check and compare").click()
    expect(page.locator("#looks")).to_contain_text("found")
    page.get_by_role("button", name="Take away: Routing, row 1", exact=True).click()
    page.get_by_role("button", name="Check and compare").click()
    expect(page.locator("#looks")).to_contain_text("Nothing found")
    page.get_by_label("Reason").fill(WHY)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ours-1")
    check_author(newest(own.settings)[0], "registered")
    document = json.loads(page.request.get(f"{own.url}/policies/ours-1/document.json").body())
    assert (document["name"], document["grades"]["A"]) == ("ours", 0.3)

    page.get_by_role("button", name="Check it").click()
    expect(page.locator("#looks")).to_contain_text("decided unlike the policy in force")
    page.locator("form#promote").get_by_label("Stage").select_option("champion")
    page.locator("form#promote").get_by_label("Though a gate refuses").check()
    act(page, "promote")
    check_author(newest(own.settings)[0], "promoted")
    assert open_policies(own.settings).standing().champion == "ours-1"
    page.goto(f"{own.url}/policies")
    act(page, "roll-back")
    check_author(newest(own.settings)[0], "rolled_back")
