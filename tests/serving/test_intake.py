"""The intake's bound, over HTTP: 429 with Retry-After, what the client does, and the metrics."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from config.settings import Settings
from domain.clock import parse_iso
from leadscore_client import Client, NotFound, Retries
from leadscore_client.types import Event
from serving.backpressure import LEAST_S, MOST_S, IntakeLimiter
from serving.problems import MEDIA_TYPE, TYPE_PREFIX, Saturated
from serving.supervisor import running
from tests.serving.double import HELD_S, KNOWN
from tests.waiting import until

LIMIT = 30
ONCE = Retries(attempts=1)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that takes in no more than 30 events at once."""
    home: Path = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, events_waiting=LIMIT)
    with running(settings, service="tests.serving.double:Double") as base:
        yield base


def events(count: int, source: str) -> list[Event]:
    moment = parse_iso("2026-01-01")
    return [Event(id=str(n), source=source, type="web.x", time=moment) for n in range(count)]


def metrics(url: str) -> dict[str, float]:
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return {n: float(v) for n, _, v in (x.rpartition(" ") for x in lines if x and x[0] != "#")}


def until_waiting(url: str, count: int) -> None:
    """Return once the service says that so many events are being taken in."""
    until(
        lambda: metrics(url)["leadscore_events_waiting"] == count,
        HELD_S / 2,
        what="the events are not taken in",
    )


def test_a_full_intake_says_429_and_scores_go_on(small: str) -> None:
    with ThreadPoolExecutor(8) as threads, Client(small, retries=ONCE) as client:
        held = [threads.submit(client.send_events, events(15, "held")) for _ in range(2)]
        until_waiting(small, LIMIT)
        answer = httpx.post(
            f"{small}/events", json={"events": [{"id": "1", "source": "s"}]}, timeout=5
        )
        assert answer.status_code == 429
        assert answer.headers["content-type"] == MEDIA_TYPE
        assert answer.json()["type"] == f"{TYPE_PREFIX}saturated"
        assert LEAST_S <= int(answer.headers["retry-after"]) <= MOST_S
        assert client.score(KNOWN[0]).lead_id == KNOWN[0]
        assert not any(one.done() for one in held), "scores do not wait for events"
        with pytest.raises(NotFound):
            client.score(identifiers={"crm_id": "release"})
        assert all(one.result().received == 15 for one in held)
        assert client.send_events(events(1, "s")).received == 1


def test_the_client_waits_as_told_and_loses_nothing(small: str) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    with (
        ThreadPoolExecutor(4) as threads,
        Client(small, retries=Retries(attempts=20), sleep=sleep) as client,
    ):
        sent = list(threads.map(lambda n: client.send_events(events(20, f'slow"{n}')), range(4)))
        sent += list(threads.map(lambda n: client.send_events(events(20, "slow")), range(4)))
    assert sum(one.received for one in sent) == 160
    assert waits
    assert all(LEAST_S <= w <= MOST_S for w in waits)


def test_a_request_larger_than_the_bound_is_taken_alone(small: str) -> None:
    with Client(small, retries=ONCE) as client:
        assert client.send_events(events(3 * LIMIT, "large")).accepted == 3 * LIMIT


def test_metrics_say_it_all(small: str) -> None:
    before = metrics(small)
    with Client(small, retries=ONCE) as client:
        client.send_events([*events(2, "counted"), *events(1, "counted")])
        httpx.post(f"{small}/events", json={"events": ["no event"]})
    after = metrics(small)

    def more(outcome: str) -> float:
        name = f'leadscore_events_total{{outcome="{outcome}"}}'
        return after[name] - before.get(name, 0)

    assert (more("accepted"), more("duplicates"), more("quarantined")) == (2, 1, 1)
    assert after["leadscore_events_refused_total"] >= 2
    assert after["leadscore_events_waiting"] == 0
    assert after["leadscore_watermark_timestamp_seconds"] == 1_780_000_000
    assert after['leadscore_quarantine{rule="envelope"}'] == 2
    found = 'leadscore_quality_findings_total{about="double",gate="event",rule="envelope"}'
    assert after[found] - before.get(found, 0) == 1
    assert 0 < after["leadscore_ingest_lag_seconds"] < 5
    assert after["leadscore_events_seconds_count"] > 2


def test_what_is_in_flight_never_exceeds_the_bound() -> None:
    intake, most = IntakeLimiter(100), [0]
    told: list[int] = []
    together = threading.Barrier(4, timeout=30)

    def send(size: int) -> None:
        for _ in range(50):
            together.wait()
            try:
                with intake.admitted(size):
                    most[0] = max(most[0], intake.waiting)
                    together.wait()  # until all four have tried
            except Saturated as error:
                told.append(error.retry_after_s)
                together.wait()

    threads = [threading.Thread(target=send, args=(size,)) for size in (10, 30, 40, 60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] <= 100
    assert intake.waiting == 0
    assert len(told) == intake.refused >= 50
    assert {LEAST_S} <= {*told} <= {*range(LEAST_S, MOST_S + 1)}
