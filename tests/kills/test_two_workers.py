"""The same request reaches two worker processes at the same moment: one decision, told to both."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from threading import Barrier

import httpx
import pytest

from tests.conftest import Trained
from tests.kills.homes import assert_sound, copied, leads
from tests.kills.processes import children, peers
from tests.soak.crowds import serving
from wiring.decisions import open_trail

WORKERS, PAIRS = 2, 40

pytestmark = pytest.mark.timeout(600)


@contextmanager
def one_client_each(url: str, supervisor: int) -> Iterator[list[httpx.Client]]:
    """Clients, each with a connection to another worker."""
    held: dict[int, httpx.Client] = {}
    spare: list[httpx.Client] = []
    port = httpx.URL(url).port
    assert port is not None
    try:
        for _ in range(200):
            before = {one: peers(one, port) for one in children(supervisor)}
            client = httpx.Client(base_url=url, timeout=30)
            spare.append(client)
            assert client.get("/livez").status_code == 200
            met = [one for one in before if peers(one, port) - before[one]]
            if len(met) == 1:
                held.setdefault(met[0], client)
            if len(held) == WORKERS:
                break
        assert len(held) == WORKERS
        yield list(held.values())
    finally:
        for client in spare:
            client.close()


def test_the_same_request_reaches_two_workers_at_once(trained: Trained, tmp_path: Path) -> None:
    """One decision, told to both: whoever comes second waits for it, and nobody is refused."""
    settings, numbers = copied(trained.settings, tmp_path), count()
    ids = leads(settings)
    with (
        serving(settings, WORKERS) as (url, process),
        one_client_each(url, process.pid) as clients,
        ThreadPoolExecutor(WORKERS) as threads,
    ):
        barrier = Barrier(WORKERS)

        def ask(client: httpx.Client, number: int) -> httpx.Response:
            headers = {"idempotency-key": f"pair-{number}"}
            path, body = "/score", {"lead_id": ids[number % len(ids)]}
            if number % 4 == 3:
                path, body = "/score_batch", {"lead_ids": ids[number : number + 5]}  # type: ignore[dict-item]
            barrier.wait(30)
            return client.post(path, json=body, headers=headers)

        for number in islice(numbers, PAIRS):
            told = list(threads.map(ask, clients, [number] * WORKERS))
            assert [one.status_code for one in told] == [200] * WORKERS, [t.text for t in told]
            assert told[0].content == told[1].content
    keys = Counter(r.request.key for r in open_trail(settings).records() if r.request is not None)
    assert set(keys.values()) == {1}
    batches = PAIRS // 4
    assert len(keys) == PAIRS - batches + 5 * batches
    assert_sound(settings)
