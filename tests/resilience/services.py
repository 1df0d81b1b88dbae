"""A service under faults: what it answers, asked by everybody's routes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import httpx

from config.settings import Settings
from serving.supervisor import Server, start

BOUND_S = 8.0
"""Whatever is broken, everybody is answered within this, on a machine that is busy too."""
UNTIL_S = 60.0
_numbers = count()


def event() -> dict[str, object]:
    """An event that was never sent before."""
    number = next(_numbers)
    return {
        "source": "web",
        "id": f"fault-{number}",
        "type": "web.page_viewed",
        "time": "2026-01-15T09:29:40Z",
        "identifiers": {"cookie": f"fault-{number}"},
        "data": {"page": "pricing"},
    }


@dataclass(frozen=True)
class Service:
    """A service, and some leads that it knows."""

    server: Server
    client: httpx.Client
    leads: list[str]

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """Ask; whatever happens, the answer comes within the bound."""
        began = time.monotonic()
        told = self.client.post(path, json=body, headers=headers)
        assert time.monotonic() - began < BOUND_S, path
        return told

    def score(self) -> httpx.Response:
        return self.post("/score", {"lead_id": self.leads[0]})

    def batch(self) -> httpx.Response:
        return self.post("/score_batch", {"lead_ids": self.leads})

    def events(self) -> httpx.Response:
        return self.post("/events", {"events": [event()]})

    def assert_well(self) -> None:
        """All that writes is answered, as it was before."""
        for ask in (self.score, self.batch, self.events):
            told = ask()
            assert told.status_code == 200, told.text

    def until(self, fact: Callable[[], bool]) -> None:
        """Wait for what must come about, minding the workers meanwhile as `serve` does."""
        until = time.monotonic() + UNTIL_S
        while not fact():
            assert time.monotonic() < until, self.score().text + self.server.tail()
            self.server.mend()
            self.server.wait()

    def recovered(self) -> bool:
        return self.score().status_code == 200


def assert_told(told: httpx.Response, *rules: str) -> None:
    """It was refused for now, and says for how long and by which rule."""
    assert told.status_code == 503, told.text
    assert int(told.headers["retry-after"]) >= 1
    assert told.headers["content-type"] == "application/problem+json"
    assert told.json()["rule"] in rules


@contextmanager
def service(
    settings: Settings, leads: list[str], workers: int = 1, *, ready: bool = True
) -> Iterator[Service]:
    """A service on a home; ready, or alive at least."""
    server = start(settings, "127.0.0.1", 0, workers)
    try:
        if ready:
            server.wait_ready()
        with httpx.Client(base_url=server.url, timeout=90) as client:
            assert client.get("/livez").status_code == 200
            yield Service(server, client, leads)
    finally:
        server.stop()
