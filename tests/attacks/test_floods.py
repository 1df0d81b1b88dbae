"""Whoever sends much over HTTP, or in events, fills no memory and stops nobody else.

Bombs are tested where their format is read: YAML and JSON in tests/files/test_json.py, gzip in
tests/files/test_csv.py, Parquet in tests/files/test_parquet.py, workbooks in
tests/files/test_workbooks.py, nested and compressed bodies in tests/serving/test_bodies_fuzz.py,
regular expressions in tests/attacks/test_patterns.py, policies' expressions in
tests/decisions/test_expressions.py. Heads and requests sent ahead are in
tests/attacks/test_exhaustion.py.
"""

import functools
import gc
import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from config.settings import Settings
from serving.http.schemas import MAX_BODY_BYTES
from serving.supervisor import running
from tests.attacks.conftest import TIMEOUT_S
from tests.conftest import Trained
from tests.serving.double import KNOWN
from wiring.signals import open_signals

DOUBLE = "tests.serving.double:Double"
MANY = 300
LONG = 20_000
"""Characters of a text that is long, and may still come."""
OURS = ("serving", "signals", "scoring", "decisions", "domain", "wiring", "storage", "telemetry")
PIECE = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    with running(settings, service=DOUBLE) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def connect(http: httpx.Client) -> socket.socket:
    port = http.base_url.port
    assert port is not None
    return socket.create_connection(("127.0.0.1", port), TIMEOUT_S)


def series(http: httpx.Client) -> set[str]:
    """The names and labels of all metrics."""
    lines = http.get("/metrics").text.splitlines()
    return {line.rsplit(" ", 1)[0] for line in lines if not line.startswith("#")}


@pytest.mark.parametrize("path", ["/score", "/score_batch", "/events", "/what_if", "/approvals"])
def test_a_body_in_pieces_without_end_is_cut_off(http: httpx.Client, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    with connect(http) as asking:
        asking.sendall(head.encode() + b"transfer-encoding: chunked\r\n\r\n")
        sent = 0
        with suppress(ConnectionError):
            while sent < 8 * MAX_BODY_BYTES:
                asking.sendall(PIECE)
                sent += len(PIECE)
        assert sent < 8 * MAX_BODY_BYTES
    assert http.post("/score", json={"lead_id": KNOWN[0]}).status_code == 200


@pytest.mark.parametrize("what", ["websocket", "h2c", "TLS/1.0"])
def test_another_protocol_is_not_begun(http: httpx.Client, what: str) -> None:
    asked = f"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: {what}\r\n"
    more = "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    with connect(http) as asking:
        asking.sendall((asked + more).encode())
        told = asking.recv(4096)
    assert told.startswith(b"HTTP/1.1 ")
    assert not told.startswith(b"HTTP/1.1 101"), told
    assert http.get("/livez").status_code == 200


QUERIES = {
    "a cursor": "cursor=" + "9" * LONG,
    "a name": "x" * LONG + "=1",
    "many names": "&".join(f"n{n}=1" for n in range(LONG // 8)),
    "the same name": "&".join(["limit=1"] * (LONG // 8)),
    "an account": "account=" + "%41" * (LONG // 3),
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
@pytest.mark.parametrize("path", ["/leads", "/decisions"])
def test_a_query_without_end_is_refused(http: httpx.Client, path: str, query: str) -> None:
    told = http.get(f"{path}?{query}")
    assert told.status_code == 422, told.text[:200]
    assert len(told.content) < 1_000


def test_a_page_far_behind_the_last_is_empty(http: httpx.Client) -> None:
    told = http.get(f"/leads?limit=1000&cursor={10**60}")
    assert told.json() == {"leads": [], "next_cursor": None}


def test_many_names_make_no_more_metrics(http: httpx.Client) -> None:
    def ask(n: int) -> None:
        asked = {"lead_id": KNOWN[0]}
        http.post("/score", json=asked, headers={"idempotency-key": f"k{n}"})
        http.post("/score", json={"lead_id": f"nobody-{n}"})
        http.get(f"/made/up/{n}")
        http.get(f"/decisions/made-up-{n}")
        http.request(f"METHOD{n}", "/score")
        http.get("/livez", headers={"host": f"host-{n}.example", "user-agent": f"a{n}"})
        http.get("/leads", headers={"authorization": f"Bearer lsk_{n:016x}_secret"})
        body = {"events": [{"type": f"web.type_{n}", "source": f"s{n}", "id": "1"}]}
        http.post("/events", json=body)

    ask(MANY)
    before = series(http)
    for n in range(MANY):
        ask(n)
    grown = series(http) - before
    assert grown == set()
    assert not [one for one in before if re.search(r"made-up|host-\d|type_\d|METHOD", one)]


# -- events ----------------------------------------------------------------------------------


def size_of(held: object, depth: int = 4) -> int:
    """Characters and bytes of all texts within a key."""
    if isinstance(held, str | bytes):
        return len(held)
    if depth and isinstance(held, tuple | list | frozenset):
        return sum(size_of(part, depth - 1) for part in held)
    return 0


def remembered() -> int:
    """Characters and bytes that the caches of this process have as their keys."""
    modules = [held for name, held in sys.modules.items() if name.partition(".")[0] in OURS]
    found = [one for module in modules for one in vars(module).values()]
    ours = [one for one in found if isinstance(one, functools._lru_cache_wrapper)]
    assert len(ours) > 10
    held = [part for one in ours for part in gc.get_referents(one) if isinstance(part, dict)]
    return sum(size_of(key) for one in held for key in one)


def lengthened(held: Any, mark: str) -> Any:
    """Event data with a long text in the place of each text."""
    if isinstance(held, dict):
        return {name: lengthened(value, mark) for name, value in held.items()}
    return mark + "x" * LONG if isinstance(held, str) else held


def one_of_each_type(trained: Trained) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for line in trained.signals.read_bytes().splitlines():
        with suppress(json.JSONDecodeError):  # some are damaged on purpose
            event = json.loads(line)
            found.setdefault(event["type"], event)
    return list(found.values())


def test_long_texts_of_events_are_not_remembered(own_home: Settings, trained: Trained) -> None:
    ingest = open_signals(own_home).ingest
    events = one_of_each_type(trained)
    ingest.receive([json.dumps({**one, "id": "first"}).encode() for one in events], "tests")
    before = remembered()
    long = [
        {**one, "id": f"long-{n}", "data": lengthened(one["data"], f"{n}-")}
        for n in range(4)
        for one in events
    ]
    receipt = ingest.receive([json.dumps(one).encode() for one in long], "tests")
    assert receipt.accepted > 10
    assert remembered() - before < LONG


def test_identifiers_without_end_are_refused_at_once(own_home: Settings, trained: Trained) -> None:
    ingest = open_signals(own_home).ingest
    event = next(one for one in one_of_each_type(trained) if "email" in one["identifiers"])
    lists = {
        "many": [f"a{n}@example.com" for n in range(200_000)],
        "long": "x" * MAX_BODY_BYTES,
        "many and long": ["y" * 1_000] * 5_000,
    }
    began = time.monotonic()
    documents = [
        json.dumps({**event, "id": name, "identifiers": {"email": given}}).encode()
        for name, given in lists.items()
    ]
    receipt = ingest.receive(documents, "tests")
    assert (receipt.accepted, receipt.quarantined) == (0, len(lists))
    assert len(json.dumps([str(one) for one in receipt.refused])) < 2_000
    assert time.monotonic() - began < TIMEOUT_S
