"""What pages of the console cost, and weigh, and how that grows with the leads of a home."""

import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, sync_playwright

from config.settings import Settings, write_home_settings
from domain.decisions import DecisionRecord, Facts
from domain.scores import Decision, Reason, ScoreAnswer, VersionSet
from domain.signals import Signal
from serving.console_server import ConsoleServer
from tests.benchmarks.bars import bar, best
from tests.servers import program
from wiring.decisions import open_trail
from wiring.signals import open_signals

FEW, MANY = 10_000, 100_000
CHUNK = 5_000
AT_US = 1_750_000_000_000_000
MOST_BYTES, PAINT_S = 300_000, 1.0
MOST_GROWTH = 2.0
"""A page of ten times the leads costs at most so much more, and that is noise."""
GRADES = (("A", 0.3), ("B", 0.15), ("C", 0.05), ("D", 0.0))
READ = (
    "/leads",
    "/leads?status=all",
    "/leads?grade=C&status=all",
    "/leads?grade=D&status=all",
    "/leads?queue=nurture&status=all",
    "/leads?least=20&status=all",
    "/leads?eligible=no&status=all",
    "/leads?eligible=yes&grade=D&status=all",
    "/accounts",
    "/audit",
    "/audit?grade=A",
    "/audit?version=lead-9",
    "/audit?until=2020-01-01",
    "/data",
    "/models",
    "/rollouts",
    "/monitoring",
    "/operate",
    "LEAD",
    "ACCOUNT",
    "DECISION",
    "DEEP",
)
HEAVIEST = "/policies/standard-1/edit"


@dataclass(frozen=True)
class SizedHome:
    """A home of so many leads, all scored, and a running console on it."""

    leads: int
    url: str
    paths: dict[str, str]
    link: str

    def seconds(self, path: str) -> float:
        """How long the page takes, the connection apart."""
        address = self.url + self.paths.get(path, path)
        with httpx.Client(timeout=120) as client:
            client.get(f"{self.url}/enter")
            began = time.perf_counter()
            answer = client.get(address)
            took = time.perf_counter() - began
        assert answer.status_code == 200, answer.text
        return took


def record(lead: str, place: int, chance: random.Random) -> DecisionRecord:
    """A decision as large as those of the standard features."""
    score = chance.betavariate(1, 12)
    grade = next(name for name, least in GRADES if score >= least)
    queue = {"A": "enterprise", "B": "small_business"}.get(grade, "nurture")
    reasons = tuple(
        Reason(feature=f"feature_{i}", value=1.0 * i, contribution=0.3 - i / 10, text="Seen " * 8)
        for i in range(6)
    )
    answer = ScoreAnswer(
        lead_id=lead,
        score=score,
        percentile=50.0,
        grade=grade,
        reasons=reasons,
        decision=Decision(
            eligible=True,
            action="contact",
            queue=queue,
            priority=2,
            next_best_action="call",
            rules=("eligibility.ok", "routing.a", "next.call"),
        ),
        versions=VersionSet(model="lead-1", feature_service="standard_v1", policy="standard-1"),
        arm="champion",
        features_as_of="2025-06-15T12:00:00Z",
        staleness_s=1.0,
        degraded=False,
        decision_id=f"0198-{place}",
        trace_id="0" * 32,
    )
    return DecisionRecord(
        decided_us=AT_US + place * 1000,
        as_of_us=AT_US,
        watermark_us=AT_US,
        account_id=f"acct_{place // 4:016x}",
        features=tuple(chance.random() for _ in range(110)),
        texts=("DE", "software", "manager"),
        margin=0.0,
        rollout="",
        shadow={"lead-2": 0.1},
        facts=Facts(
            score=score, percentile=50.0, grade=grade, account_known=True, profile={}, features={}
        ),
        answer=answer,
    )


def fill(home: Path, count: int) -> Settings:
    """A home of so many leads, by the real way in and into the real trail."""
    write_home_settings(home, clock="watermark")
    settings = Settings(home=home, clock="watermark")
    from feature_repo.standard import standard_service
    from wiring.signals import adopt

    adopt(settings, standard_service())
    plane, trail, chance = open_signals(settings), open_trail(settings), random.Random(7)
    for start in range(0, count, CHUNK):
        signals = [
            Signal(
                id=f"s{i}",
                source="crm",
                type="crm.lead_created",
                time="2025-06-15T12:00:00Z",  # type: ignore[arg-type]
                identifiers={"crm_id": f"L-{i}"},
                data={"industry": "software"},
            )
            for i in range(start, start + CHUNK)
        ]
        plane.ingest.receive([msgspec.json.encode(s) for s in signals], "benchmark")
    leads = [str(ref.lead_id) for ref in plane.directory.all()]
    assert len(leads) == count
    for start in range(0, count, CHUNK):
        part = enumerate(leads[start : start + CHUNK], start)
        trail.append([record(lead, place, chance) for place, lead in part])
    return settings


def deep(settings: Settings) -> str:
    """The address of a page from the middle of the ranking."""
    trail, cursor = open_trail(settings), None
    for _ in range(5):
        cursor = trail.latest(1_000, after=cursor).cursor
    return f"/leads?status=all&after={cursor}"


@pytest.fixture(scope="module")
def sized(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], SizedHome]]:
    from contextlib import ExitStack

    homes: dict[int, SizedHome] = {}
    with ExitStack() as stack:

        def of(count: int) -> SizedHome:
            if count not in homes:
                settings = fill(tmp_path_factory.mktemp(f"home-{count}") / "home", count)
                server = ConsoleServer(settings, "127.0.0.1", 0)
                url = stack.enter_context(server.running())
                middle = open_trail(settings).latest(100).records[50]
                paths = {
                    "LEAD": f"/leads/{middle.answer.lead_id}",
                    "ACCOUNT": f"/accounts/{middle.account_id}",
                    "DECISION": f"/audit/{middle.answer.decision_id}",
                    "DEEP": deep(settings),
                }
                homes[count] = SizedHome(count, url, paths, server.link)
            return homes[count]

        yield of


@pytest.mark.parametrize("path", READ)
def test_a_page_costs_the_same_of_ten_times_the_leads(
    benchmark: Any, sized: Callable[[int], SizedHome], path: str
) -> None:
    few, many = sized(FEW), sized(MANY)
    for home in (few, many):
        home.seconds(path)

    def growth() -> float:
        pairs = [(few.seconds(path), many.seconds(path)) for _ in range(7)]
        return min(b for _, b in pairs) / min(a for a, _ in pairs)

    ratio = best(growth, at_most=MOST_GROWTH)
    benchmark.extra_info["seconds"] = many.seconds(path)
    benchmark.pedantic(many.seconds, args=(path,), rounds=3)
    bar(
        benchmark,
        f"{path} of {MANY:,} leads",
        f"of {FEW:,}",
        ratio,
        at_most=MOST_GROWTH,
    )


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=sandbox)
        yield browser
        browser.close()


def painted(browser: Browser, home: SizedHome, path: str) -> tuple[float, int]:
    """Seconds until a new tab shows something of a page, and the bytes that it loads in all."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page, sizes = context.new_page(), list[int]()
        page.on("response", lambda response: sizes.append(len(response.body())))
        page.goto(home.url + home.paths.get(path, path), wait_until="networkidle")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        return paint / 1000, sum(sizes)


@pytest.mark.parametrize("path", [*READ, HEAVIEST])
def test_a_page_is_light_and_seen_soon(
    benchmark: Any, sized: Callable[[int], SizedHome], chromium: Browser, path: str
) -> None:
    home, weights = sized(MANY), list[int]()

    def first_paint() -> float:
        seconds, weight = painted(chromium, home, path)
        weights.append(weight)
        return seconds

    seconds = best(first_paint, at_most=PAINT_S)
    benchmark.extra_info.update(paint_s=seconds, bytes=max(weights))
    benchmark.pedantic(first_paint, rounds=1)
    bar(benchmark, f"first paint of {path}, s", "1 s", seconds, at_most=PAINT_S)
    bar(benchmark, f"bytes of {path}", "300 kB", max(weights) / MOST_BYTES, at_most=1.0)
