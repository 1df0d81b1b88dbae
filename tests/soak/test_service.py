"""The service for a long time, and while everything about it changes: nothing lost, nothing wrong.

A short form runs every time; `make soak` runs the long one.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypedDict

import httpx
import msgspec
import pytest

from domain.scores import ScoreAnswer
from domain.versions import Stage
from registry import rollout
from registry.course import Course
from registry.plan import Step
from registry.promotion import Terms, promote
from serving.launch import start
from tests.bench.load import load
from tests.conftest import ROOT, Trained
from wiring.decisions import open_trail
from wiring.registry import open_registry
from wiring.settings import Settings
from wiring.signals import open_signals

REQUESTS = 200_000
EFFECTIVE_S = 5.0
"""Within this a rollback has taken effect."""
MAY_BE = {429, 503}
"""What the contract names for a service that is busy or away; whoever asks tries again."""


class Author(TypedDict):
    """Who makes a change, and why."""

    by: str
    reason: str


BY: Author = {"by": "soak", "reason": "soak"}


@pytest.fixture
def home(trained: Trained, tmp_path: Path) -> Settings:
    shutil.copytree(trained.settings.home, tmp_path / "home")
    return msgspec.structs.replace(trained.settings, home=tmp_path / "home")


def leads(settings: Settings) -> list[str]:
    return [str(ref.lead_id) for ref in islice(open_signals(settings).directory.all(), 300)]


@pytest.mark.soak
def test_memory_is_flat(home: Settings) -> None:
    """What a worker holds after a fifth of the requests is what it holds after all of them."""
    bodies = [json.dumps({"lead_id": one}) for one in leads(home)]
    server = start(home, "127.0.0.1", 0, 1)
    try:
        server.wait_ready()
        pid = server.workers[0].process.pid
        done, held = 0, list[tuple[int, int]]()
        while done < REQUESTS:
            found = load(server.url, "/score", bodies, connections=16, seconds=20.0)
            assert set(found.statuses) == {"200"}
            done += found.statuses["200"]
            held.append((done, resident_mib(pid)))
    finally:
        server.stop()
    early = max(mib for count, mib in held if count <= max(REQUESTS // 5, held[0][0]))
    assert held[-1][1] <= 1.05 * early + 16, held


def resident_mib(pid: int) -> int:
    """What a process holds in memory."""
    said = Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2]
    return int(said.split()[0]) // 1024


@dataclass
class Asked:
    """One request that was answered in the end: when it was sent, when answered, by whom."""

    key: str
    lead: str
    sent_s: float
    done_s: float
    answer: ScoreAnswer


@dataclass
class Crowd:
    """Callers who each ask again and again, and again with the same key where nobody answers."""

    url: str
    leads: list[str]
    done: list[Asked] = field(default_factory=list)
    other: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def ask_on(self, caller: int) -> None:
        client, number = httpx.Client(base_url=self.url, timeout=30), 0
        while not self.over.is_set():
            number += 1
            lead = self.leads[(caller * 37 + number) % len(self.leads)]
            client = self._ask(client, f"{caller}-{number}", lead)
        client.close()

    def _ask(self, client: httpx.Client, key: str, lead: str) -> httpx.Client:
        sent, until = time.monotonic(), time.monotonic() + 60
        while time.monotonic() < until:
            try:
                answer = client.post(
                    "/score", json={"lead_id": lead}, headers={"idempotency-key": key}
                )
            except httpx.TransportError as gone:  # a worker was killed with the request in it
                self.other[type(gone).__name__] += 1
                client.close()
                client = httpx.Client(base_url=self.url, timeout=30)
                continue
            if answer.status_code == 200:
                told = msgspec.json.decode(answer.content, type=ScoreAnswer)
                self.done.append(Asked(key, lead, sent, time.monotonic(), told))
                return client
            self._not_answered(answer)
            time.sleep(0.05)
        self.wrong.append(f"{key} was never answered")
        return client

    def _not_answered(self, answer: httpx.Response) -> None:
        self.other[str(answer.status_code)] += 1
        named = answer.headers["content-type"] == "application/problem+json"
        if answer.status_code not in MAY_BE or not named or "retry-after" not in answer.headers:
            self.wrong.append(f"{answer.status_code}: {answer.text[:200]}")


@contextmanager
def crowd(url: str, asked: list[str], callers: int = 6) -> Iterator[Crowd]:
    made = Crowd(url, asked)
    threads = [threading.Thread(target=made.ask_on, args=(n,)) for n in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made.over.set()
        for thread in threads:
            thread.join()


@contextmanager
def serving(settings: Settings, workers: int) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """`leadscore serve`, as a user starts it."""
    command = [sys.executable, "-m", "leadscore", "serve", "--port", "0"]
    environment = {**os.environ, **settings.environment()}
    process = subprocess.Popen(
        [*command, "--workers", str(workers)],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = next(line for line in process.stderr if line.startswith("serving on "))
        yield said.split()[2].rstrip(","), process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        process.stderr.close()


def wait(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.05)


def settle(crowd: Crowd, seconds: float = 1.0) -> float:
    """Let callers ask for a while; when it ended."""
    time.sleep(seconds)
    return time.monotonic()


def test_nothing_is_lost_while_everything_changes(home: Settings) -> None:
    registry = open_registry(home)
    standing = registry.standing()
    old, new = standing.champion, standing.challenger
    assert old is not None
    assert new is not None
    rollout.abort(registry, **BY)
    ids = leads(home)
    with serving(home, workers=2) as (url, process), crowd(url, ids) as callers:
        wait(lambda: len(callers.done) > 50)
        course = Course(steps=(Step(weight=0.2), Step(weight=0.6)))
        rollout.start(registry, course=course, **BY)
        wait(lambda: any(one.answer.versions.model == new for one in callers.done))
        rollout.advance(registry, **BY)
        settle(callers)
        _kill_a_worker(process.pid)
        settle(callers, 2.0)
        promote(registry, new, Stage.CHAMPION, override=True, terms=Terms(), **BY)
        wait(lambda: {one.answer.versions.model for one in callers.done[-20:]} == {new})
        registry.rollback(**BY)
        rolled = time.monotonic()
        settle(callers, EFFECTIVE_S + 2)
    assert callers.wrong == []
    late = [one for one in callers.done if one.sent_s > rolled + EFFECTIVE_S]
    assert late
    assert {one.answer.versions.model for one in late} == {old}
    _recorded_once(home, callers.done)


def _kill_a_worker(pid: int) -> None:
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(workers) == 2
    os.kill(int(workers[0]), signal.SIGKILL)


def _recorded_once(settings: Settings, done: list[Asked]) -> None:
    """Each key has one decision in the trail, and it is what was answered."""
    trail = open_trail(settings)
    records = {r.answer.decision_id: r for r in trail.records()}
    keys = Counter(r.request.key for r in records.values() if r.request is not None)
    assert set(keys.values()) == {1}
    for one in done:
        record = records[one.answer.decision_id]
        assert record.answer == one.answer
        assert record.answer.lead_id == one.lead
    assert len({one.answer.decision_id for one in done}) == len(done)
    assert trail.verify().broken is None
