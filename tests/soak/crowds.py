"""A crowd that asks `leadscore serve` again and again, and what must be so of what it was told."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import msgspec

from config.settings import Settings
from domain.scores import ScoreAnswer
from tests.conftest import ROOT
from wiring.decisions import open_trail

MAY_BE = {429, 503}
"""What the contract names for a service that is busy or away; whoever asks tries again."""
PATIENCE_S = 600.0
"""So long somebody asks again and again before the service counts as gone."""


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
        sent, until = time.monotonic(), time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                answer = client.post(
                    "/score", json={"lead_id": lead}, headers={"idempotency-key": key}
                )
            except httpx.TransportError as gone:  # a worker was killed with the request in it
                self.other[type(gone).__name__] += 1
                client.close()
                client = httpx.Client(base_url=self.url, timeout=30)
                time.sleep(0.05)
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
def serving(
    settings: Settings, workers: int, port: int = 0
) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """`leadscore serve`, as a user starts it."""
    command = [sys.executable, "-m", "leadscore", "serve", "--port", str(port)]
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


def recorded_once(settings: Settings, done: list[Asked]) -> None:
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
