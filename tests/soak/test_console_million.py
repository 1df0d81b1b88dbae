"""The console on a million scored leads, beside ten thousand: time, size, memory of its pages."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from config.settings import Settings
from tests.benchmarks.bars import best
from tests.benchmarks.test_console_speed import MOST_BYTES, deep, fill
from tests.conftest import ROOT
from wiring.decisions import open_trail

FEW, MANY = 10_000, 1_000_000
AGAIN = 7
MOST_GROWTH, NOISE_S = 3.0, 0.05
"""A page of a hundred times the leads costs at most so many times as much, or so much more."""
MOST_MIB = 150.0
"""So much more memory the server has, caches of the database among it."""
PAGES = (
    "/leads",
    "/leads?status=all",
    "/leads?status=decided",
    "/leads?grade=D&status=all",
    "/leads?eligible=no&status=all",
    "/leads?eligible=yes&grade=D&status=all",
    "/leads?grade=A&queue=enterprise&status=all",
    "/leads?queue=nurture&least=20&status=all",
    "DEEP",
    "LEAD",
    "/accounts",
    "ACCOUNT",
    "/audit",
    "/audit?grade=Z",
    "/audit?version=lead-9",
    "/audit?until=2020-01-01",
    "LATER",
    "DECISION",
    "/data",
    "/data/quarantine",
    "/models",
    "/policies",
    "/monitoring",
    "/operate",
)


class Pages:
    """A console as a program of its own, and the addresses of a home's pages."""

    def __init__(self, server: "subprocess.Popen[str]", link: str, settings: Settings) -> None:
        self._server = server
        self._client = httpx.Client(timeout=300, follow_redirects=True)
        self._client.get(link).raise_for_status()
        self._base = link.partition("/enter")[0]
        trail = open_trail(settings)
        middle = trail.latest(100).records[50]
        head = trail.head()
        assert head is not None
        self._named = {
            "DEEP": deep(settings),
            "LEAD": f"/leads/{middle.answer.lead_id}",
            "ACCOUNT": f"/accounts/{middle.account_id}",
            "DECISION": f"/audit/{middle.answer.decision_id}",
            "LATER": f"/audit?after={head.sequence // 2}",
        }

    def bytes(self, page: str) -> int:
        """What a page weighs without its style and script."""
        return len(self._get(page).content)

    def seconds(self, page: str) -> float:
        """The least of several times."""
        return min(self._timed(page) for _ in range(AGAIN))

    def mib(self) -> float:
        """The most memory that the server had."""
        status = Path(f"/proc/{self._server.pid}/status").read_text()
        (most,) = re.findall(r"VmHWM:\s+(\d+)", status)
        return int(most) / 1024

    def _timed(self, page: str) -> float:
        began = time.perf_counter()
        self._get(page)
        return time.perf_counter() - began

    def _get(self, page: str) -> httpx.Response:
        answer = self._client.get(self._base + self._named.get(page, page))
        assert answer.status_code == 200, answer.text
        return answer


@contextmanager
def console_on(folder: Path, leads: int) -> Iterator[Pages]:
    """A console on a home of so many leads."""
    settings = fill(folder / "home", leads)
    server = subprocess.Popen(
        [sys.executable, "-m", "leadscore", "console", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "LEADSCORE_HOME": str(settings.home), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        links = (re.search(r"http\S+/enter\S+", line) for line in server.stdout)
        link = next(found[0] for found in links if found)
        yield Pages(server, link, settings)
    finally:
        server.terminate()
        server.wait(60)


@pytest.mark.soak
def test_pages_of_a_million_leads_cost_what_those_of_ten_thousand_do(tmp_path: Path) -> None:
    with console_on(tmp_path / "few", FEW) as few, console_on(tmp_path / "many", MANY) as many:
        slow: dict[str, float] = {}
        for page in PAGES:
            assert many.bytes(page) <= MOST_BYTES, page

            def growth(page: str = page) -> float:
                before = few.seconds(page)
                return many.seconds(page) / max(before, NOISE_S / MOST_GROWTH)

            ratio = best(growth, at_most=MOST_GROWTH)
            if ratio > MOST_GROWTH:
                slow[page] = ratio
        assert slow == {}
        assert many.mib() - few.mib() <= MOST_MIB
