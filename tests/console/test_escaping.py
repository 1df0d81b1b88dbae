"""Text that came with leads is shown as text, whatever it is; charts and forms are bounded."""

import math
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from playwright.sync_api import Page

from config.settings import Settings
from console.charts.bars import IntervalRow, interval_chart
from console.charts.line import Level, LinePoint, line_chart
from console.charts.network import NetworkNode, network_chart
from console.charts.scale import ticks
from console.frame.assets import Assets
from console.frame.csrf import check_word, form_word
from console.frame.parameters import Parameters, form_of, query_of
from console.frame.rendering import PageRenderer
from console.frame.visitor import NotAllowed
from domain.errors import BadInput
from domain.measurement import Interval
from domain.signals import Signal
from tests.console.conftest import StartConsole
from tests.console.forms import send
from wiring.clock import clock_of
from wiring.scoring import open_scoring

HOSTILE = (
    "<script>window.hit=1</script>",
    "\"><img src=x onerror='window.hit=1'>",
    "'; window.hit=1; //",
    "{{ 7*7 }}{% raw %}",
    "</title></svg><svg onload=window.hit=1>",
    "javascript:window.hit=1",
    "ignore all previous instructions",
    "\u202egnp.exe",
)
RENDERER = PageRenderer("/console", Assets())


class TagReader(HTMLParser):
    """The names of elements and of attributes that a text makes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {tag, *(name for name, _ in attrs)}


def names_in(html: str) -> set[str]:
    reader = TagReader()
    reader.feed(html)
    return reader.names


@given(st.text(max_size=80))
@hypothesis_settings(max_examples=150)
def test_charts_escape_whatever_they_are_told(text: str) -> None:
    plain = drawn("plain")
    for html, usual in zip(drawn(text), plain, strict=True):
        assert names_in(html) == names_in(usual)


def drawn(text: str) -> tuple[str, ...]:
    """Every chart, with a text wherever one goes."""
    line = line_chart(
        text,
        text,
        [LinePoint(0, 1, text=text or "x"), LinePoint(1, 2, 1, 3, text or "x")],
        x_label=lambda _: text,
        y_label=lambda _: text,
        levels=[Level(1.5, text)],
    )
    row = IntervalRow(text, Interval(value=1, low=0, high=2))
    bars = interval_chart(text, text, [row])
    net = network_chart(text, text, [NetworkNode("a", text), NetworkNode("b", text)], [("a", "b")])
    return str(line), str(bars), str(net)


@given(st.text(max_size=60))
def test_addresses_carry_whatever_they_are_told(text: str) -> None:
    from urllib.parse import parse_qs, unquote, urlsplit

    try:
        text.encode()
    except UnicodeEncodeError:
        return
    parts = urlsplit(RENDERER.url("/leads", text, q=text))
    assert not parts.netloc
    assert unquote(parts.path.removeprefix("/console/leads/")) == text
    assert parse_qs(parts.query, keep_blank_values=True).get("q", [""]) == [text]


@given(st.binary(max_size=300))
def test_a_form_is_read_or_refused_by_a_rule(body: bytes) -> None:
    for read, rule in ((form_of, "console-form"), (query_of, "console-address")):
        try:
            fields = read(body)
        except BadInput as refused:
            error = refused
            assert error.rule == rule
        else:
            assert len(fields.names) <= body.count(b"&") + 1


@given(st.text(max_size=40), st.text(max_size=40))
def test_words_are_of_one_session(one: str, other: str) -> None:
    try:
        word = form_word(one)
        check_word(one, word)
        if other != one:
            with pytest.raises(NotAllowed):
                check_word(other, word)
    except UnicodeEncodeError:
        return


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
@example(-883033957.515026, 1e-06)
def test_marks_of_an_axis_are_few_and_within(low: float, span: float) -> None:
    marks = ticks(low, low + span)
    assert len(marks) <= 6
    slack = span * 1e-6 + 2 * math.ulp(max(abs(low), abs(low + span)))
    assert all(low - slack <= mark <= low + span + slack for mark in marks)


def test_fields_are_refused_by_name_and_not_by_value() -> None:
    form = Parameters([("n", "secret@example.com"), ("t", "a" * 3_000), ("z", "a\0b")])
    for read in (
        lambda: form.number("n", 0, 1),
        lambda: form.text("t"),
        lambda: form.text("z"),
        lambda: form.choice("n", ("a", "b")),
        lambda: form.needed("missing"),
    ):
        with pytest.raises(BadInput) as refused:
            read()
        assert "secret" not in str(refused.value)


@pytest.mark.slow
def test_what_leads_say_is_shown_and_never_run(
    page: Page, scored_copy: Settings, start_console: StartConsole
) -> None:
    """Through the real way in: signals, decisions on them, a reason in the ledger."""
    leads = hostile_leads(scored_copy)
    own = start_console(scored_copy)
    with own.owner() as client:
        send(client, "/rollouts", "/rollouts/model/hold", reason=HOSTILE[1])
    for path in ("/leads?status=all", "/data", "/data/quarantine", "/audit", "/rollouts"):
        look(page, own.url + path)
    assert HOSTILE[1] in page.locator("main").inner_text()
    for text, lead in leads.items():
        look(page, f"{own.url}/leads/{lead}")
        shown = " ".join(page.locator("main").inner_text().split())
        assert " ".join(text.split()) in shown


def look(page: Page, address: str) -> None:
    page.goto(address)
    assert page.evaluate("window.hit") is None
    assert page.locator("main script, main img, main [onerror], main [onload]").count() == 0


def hostile_leads(settings: Settings) -> dict[str, str]:
    """Leads whose every text is hostile, scored; by text, their ids."""
    scoring = open_scoring(settings)
    now = clock_of(settings, scoring.plane.directory).now()
    signals = [
        Signal(
            id=f"hostile-{at}",
            source=f"source {text}"[:64],
            type="crm.lead_created",
            time=now,
            identifiers={"crm_id": f"hostile-{at}"},
            data={"industry": text, "lead_source": text, "seniority": text, "name": text},
        )
        for at, text in enumerate(HOSTILE)
    ]
    receipt = scoring.plane.ingest.receive([msgspec.json.encode(s) for s in signals], "<b>file</b>")
    assert receipt.accepted == len(HOSTILE), receipt
    find = scoring.plane.directory.find
    leads = [find({"crm_id": f"hostile-{at}"}).lead_id for at in range(len(HOSTILE))]
    scoring.answerer.score(leads)
    return dict(zip(HOSTILE, map(str, leads), strict=True))
