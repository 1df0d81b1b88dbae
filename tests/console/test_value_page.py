"""Value in the console: the report that was written, and one that is worked out now."""

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from config.settings import Settings
from domain.measurement import Interval
from monitoring.value.routing_lift import RoutingLift
from monitoring.value.self_feeding import SelfFeeding
from monitoring.value.value_report import Uplift, UpliftShare, ValueReport
from tests.console.conftest import Console, StartConsole
from tests.console.forms import fields_of


def between(low: float, high: float) -> Interval:
    return Interval(value=(low + high) / 2, low=low, high=high)


REPORT = ValueReport(
    reported="2026-03-01T12:00:00Z",
    outcome="won",
    horizon_days=30,
    actions=("contact",),
    decisions=4_321,
    leads=1_234,
    lifts=(
        RoutingLift(
            by="all", name="all", leads=1_234, accounts=400, own=0.08, random=0.05,
            lift=between(0.01, 0.05),
        ),
        RoutingLift(
            by="grade", name="A", leads=200, accounts=90, own=0.2, random=0.1,
            lift=between(0.02, 0.18),
        ),
        RoutingLift(
            by="rule", name="routing.<b>", leads=9, accounts=3, own=0.1, random=0.0, lift=None
        ),
    ),
    uplift=Uplift(
        tells=True, leads=1_000, worked=480, accounts=350,
        average=between(0.01, 0.03), qini=between(0.001, 0.009),
        shares=(
            UpliftShare(name="first fifth", leads=200, predicted=0.07, gain=between(0.02, 0.1)),
        ),
        targeted=(0.0, 0.5, 1.0), gained=(0.0, 0.018, 0.02),
    ),
    feeding=SelfFeeding(
        leads=300, accounts=120, excess=between(0.03, 0.07), margin=0.01, alarm=True
    ),
)  # fmt: skip


@pytest.mark.slow
def test_the_report_that_was_written_is_shown(
    page: Page, scored_copy: Settings, start_console: StartConsole
) -> None:
    folder = scored_copy.home / "reports"
    folder.mkdir(exist_ok=True)
    (folder / "value.json").write_bytes(msgspec.json.encode(REPORT))
    own = start_console(scored_copy)
    own.enter(page)
    page.get_by_role("link", name="Value", exact=True).click()
    main = page.locator("main")
    expect(main.locator(".sentence.bad")).to_contain_text("Scores feed on themselves")
    for text in ("1,234 leads count", "+0.0300 +0.0100 to +0.0500", "routing.<b>", "first fifth"):
        expect(main).to_contain_text(text)
    expect(main).to_contain_text("Leads are ranked by their gain")
    expect(page.get_by_role("img", name="Lift of routing")).to_be_visible()
    expect(page.get_by_role("img", name="Qini curve")).to_be_visible()
    assert not Axe().run(page).response["violations"]


def test_one_is_worked_out_now(console: Console) -> None:
    with console.owner() as client:
        before = client.get("/value")
        fields = fields_of(before.text, "/console/value/look")
        now = client.post("/value/look", data=fields)
        none = client.post("/value/look", data={**fields, "actions": "dance"})
        many = client.post("/value/look", data={**fields, "newest": "100001"})
    assert "There is no report yet" in before.text
    assert "The data cannot tell." in now.text
    assert (none.status_code, many.status_code) == (422, 422)
    assert "the action dance" in none.text
