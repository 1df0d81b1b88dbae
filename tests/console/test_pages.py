"""Each page in a real browser: it shows what the home holds, and works for everybody."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from console.page_list import PAGES
from domain.clock import iso
from tests.console.conftest import Console, leads_of
from wiring.decisions import open_trail
from wiring.registry import open_registry

ADDRESSES = (
    "/enter",
    "/leads",
    "/leads?grade=B&status=all&least=1&eligible=yes",
    "/leads/LEAD",
    "/accounts",
    "/accounts/ACCOUNT",
    "/models",
    "/models/lead-1",
    "/models/lead-2",
    "/rollouts",
    "/policies",
    "/policies/standard-1",
    "/policies/standard-1/edit",
    "/policies/standard-1/graph",
    "/value",
    "/workflow",
    "/workflow/LEAD",
    "/monitoring",
    "/data",
    "/data/quarantine",
    "/data/quarantine/DOCUMENT",
    "/data/contracts",
    "/data/contracts/crm.lead_created",
    "/audit",
    "/audit?lead=LEAD&grade=A",
    "/audit/DECISION",
    "/operate",
    "/nowhere",
)
MODES = [
    ("light", 1280),
    *(
        pytest.param(*mode, marks=pytest.mark.soak)
        for mode in (("light", 390), ("dark", 1280), ("dark", 390))
    ),
]
"""Colours and widths of screens; dark on a telephone is looked at in `test_every_state`, always."""
APART = ("/models/{version}/pages/{name}", "/monitoring/report")
"""Pages that libraries made, and files."""


def address(console: Console, text: str) -> str:
    """An address with ids of this home."""
    from signals.store import quarantine
    from wiring.signals import open_signals

    records = open_trail(console.settings).latest(200).records
    record = next(r for r in records if r.account_id)
    document = quarantine.listed(open_signals(console.settings).engine, None, 1)[0].id
    for name, value in (
        ("LEAD", record.answer.lead_id),
        ("ACCOUNT", record.account_id),
        ("DOCUMENT", document),
        ("DECISION", record.answer.decision_id),
    ):
        text = text.replace(name, value)
    return console.url + text


def test_every_page_that_is_looked_at_is_looked_at_here() -> None:
    looked = {p.partition("?")[0].replace("/", " ") for p in ADDRESSES}
    shown = [p.path for p in PAGES if p.method == "GET" and p.template]
    assert len(shown) == len({p for p in shown if p not in APART})
    assert len(looked) >= len(shown)


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), MODES)
def test_no_page_shuts_anybody_out(
    browser: Browser, console: Console, scheme: str, width: int
) -> None:
    """axe finds nothing serious, and no page is wider than the screen."""
    axe, worse = Axe(), dict[str, list[str]]()
    with browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
    ) as context:
        page = console.enter(context.new_page())
        for text in ADDRESSES:
            page.goto(address(console, text))
            found = axe.run(page).response["violations"]
            serious = [f"{v['id']}: {v['nodes'][0]['html'][:150]}" for v in found if v["impact"]]
            wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
            if serious or wide:
                worse[text] = [*serious, *(["wider than the screen"] if wide else [])]
    assert worse == {}


def test_where_no_page_is_the_navigation_still_is(console: Console) -> None:
    with console.owner() as owner, console.client() as client:
        known, unknown = owner.get("/nowhere"), client.get("/nowhere")
    assert (known.status_code, unknown.status_code) == (404, 404)
    assert 'aria-label="Sections"' in known.text


def test_leads_are_ranked_filtered_and_found(page: Page, console: Console) -> None:
    console.enter(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Leads")
    best = leads_of(console.settings)
    shown = page.locator("table.leads tbody th a").evaluate_all("a => a.map(x => x.title)")
    assert len(shown) == 50
    assert [lead for lead in best if lead in shown] == shown
    page.get_by_role("link", name="Next page").click()
    following = page.locator("table.leads tbody th a").evaluate_all("a => a.map(x => x.title)")
    assert not set(shown) & set(following)

    page.get_by_role("link", name="First page").click()
    page.get_by_label("Grade").select_option("B")
    page.get_by_role("button", name="Show").click()
    assert set(page.locator("table.leads .grade").all_inner_texts()) == {"B"}

    page.keyboard.press("/")
    page.keyboard.type(best[3])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(best[3])


def test_a_lead_has_its_whole_story(page: Page, console: Console) -> None:
    lead = leads_of(console.settings)[0]
    record = open_trail(console.settings).of_lead(lead)[0]
    console.enter(page)
    page.goto(f"{console.url}/leads/{lead}")
    main = page.locator("main")
    expect(main).to_contain_text(f"{record.answer.score:.1%}")
    for reason in record.answer.reasons:
        expect(main).to_contain_text(reason.text)
    for rule in record.answer.decision.rules:
        expect(main).to_contain_text(rule)
    expect(page.get_by_role("img", name="Score over time")).to_be_visible()
    expect(page.get_by_role("img", name="Who this is, and why")).to_be_visible()
    expect(main).to_contain_text("crm.lead_created")


def test_what_if_answers_and_records_nothing(page: Page, console: Console) -> None:
    lead = leads_of(console.settings)[40]
    trail = open_trail(console.settings)
    before = trail.head()
    console.enter(page)
    page.goto(f"{console.url}/leads/{lead}")
    slider = page.locator(".slider input[type=range]").first
    slider.focus()
    page.keyboard.press("End")
    box = page.locator(".slider input[name]").first
    assert box.input_value() == slider.input_value()
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#what-if")).to_contain_text("as it would be")
    assert trail.head() == before


def test_versions_stand_with_figures_gates_and_pages(page: Page, console: Console) -> None:
    console.enter(page)
    page.goto(f"{console.url}/models")
    version = open_registry(console.settings).get("lead-1")
    expect(page.locator("main")).to_contain_text(f"{version.metrics['auroc'].value:.3f}")
    page.get_by_role("link", name="lead-2", exact=True).first.click()
    expect(page.locator("main")).to_contain_text("Gates before")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Card").click()
    card = opened.value
    card.wait_for_load_state()
    assert "Model card" in card.inner_text("body")
    assert card.evaluate("self.origin") == "null"


def test_the_rollout_under_way_is_shown(page: Page, console: Console) -> None:
    console.enter(page)
    page.goto(f"{console.url}/rollouts")
    expect(page.locator("#model")).to_contain_text("50%")
    page.get_by_role("button", name="Look at the evidence now").click()
    expect(page.locator("#model .sentence").first).to_contain_text("Now it would wait")


def test_a_decision_is_told_and_replayed(page: Page, console: Console) -> None:
    console.enter(page)
    page.goto(f"{console.url}/audit")
    page.locator("tbody th a").first.click()
    page.get_by_role("button", name="Replay it").click()
    expect(page.get_by_role("status")).to_contain_text("the same answer")


def test_data_add_up(page: Page, console: Console) -> None:
    console.enter(page)
    page.goto(f"{console.url}/data")
    expect(page.locator("main")).to_contain_text("nothing is lost")
    page.get_by_role("button", name="Count the last 14 days").click()
    expect(page.locator("#days")).to_contain_text("web.page_viewed")


def test_health_is_one_sentence(page: Page, console: Console) -> None:
    console.enter(page)
    page.goto(f"{console.url}/monitoring")
    expect(page.locator(".sentence").first).to_contain_text("nobody has looked for alarms yet")
    page.get_by_role("button", name="Look at the budgets now").click()
    expect(page.locator("#levels")).to_contain_text("calibration error")


def test_the_export_holds_every_decision(console: Console) -> None:
    import json

    with console.owner() as client:
        word = form_word_of(client.get("/audit").text)
        sent = client.post("/audit/export", data={"form": "jsonl", "form_word": word})
        rows = [json.loads(line) for line in sent.text.splitlines()]
        table = client.post("/audit/export", data={"form": "csv", "form_word": word})
    kept = list(open_trail(console.settings).records())
    assert [r["answer"]["decision_id"] for r in rows] == [r.answer.decision_id for r in kept]
    assert len(table.text.splitlines()) == len(kept) + 1
    assert iso(kept[0].decided_us) in table.text


def form_word_of(html: str) -> str:
    return html.partition('name="form_word" value="')[2].partition('"')[0]
