"""Whoever sends much costs others nothing: heads without end, floods of one address."""

import asyncio
import gc
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from serving.connections import HEAD_BYTES, MOST_PIPELINED, BoundedHttp
from serving.pending_connections import PendingConnections
from tests.attacks.conftest import WHOLE, Server, answer
from tests.waiting import until

Serve = Callable[..., Server]
OTHERS, FEW = 2_000, 10
START = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n"
TOO_LONG = {
    "many small headers": START + b"a: b\r\n" * (2 * HEAD_BYTES // 6),
    "one header": START + b"a: " + b"b" * (2 * HEAD_BYTES),
    "the same header, over and over": START + b"cookie: a=b\r\n" * (2 * HEAD_BYTES // 13),
    "an endless query": b"GET /leads?cursor=" + b"x" * (2 * HEAD_BYTES),
    "an endless path": b"GET /" + b"x/" * HEAD_BYTES,
    "an endless method": b"G" * (2 * HEAD_BYTES),
    "empty lines": b"\r\n" * HEAD_BYTES,
}


@pytest.mark.parametrize("head", TOO_LONG.values(), ids=TOO_LONG)
def test_a_head_without_end_ends_the_connection(serve: Serve, head: bytes) -> None:
    server = serve(head_s=5.0)
    with server.connect() as asking:
        with suppress(ConnectionError):
            asking.sendall(head)
        told = b""
        with suppress(ConnectionError):
            while more := asking.recv(4096):
                told += more
        assert told[9:12] in (b"400", b"408", b"431", b""), told[:80]
    assert server.ask().startswith(b"HTTP/1.1 200")


class Counted(str):
    """An address that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


class One:
    """A connection that waits."""

    def give_way(self) -> None:
        """It is ended by who asks."""


def test_a_flood_of_one_address_is_not_looked_for_among_all_others() -> None:
    waiting = PendingConnections(2 * OTHERS, 1)
    for number in range(OTHERS):
        waiting.begin(One(), Counted(f"10.0.{number // 256}.{number % 256}"))
    flood = Counted("192.0.2.1")
    first = One()
    waiting.begin(first, flood)
    Counted.compared = 0
    assert waiting.begin(One(), flood) is first
    assert Counted.compared < FEW


PIPELINED = 3_000
"""Requests of one connection that are sent together: some hundred thousand bytes."""


class Held:
    """An application that answers once it is let; it notes how many requests it was given."""

    def __init__(self) -> None:
        self.given = 0
        self.let = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.given += 1
        while scope["path"] == "/held" and not self.let.is_set():
            await asyncio.sleep(0.01)
        await answer(scope, receive, send)


def queued() -> int:
    """Requests that connections of this process hold back for later."""
    return sum(len(one.pipeline) for one in gc.get_objects() if type(one) is BoundedHttp)


def test_pipelined_requests_do_not_pile_up(serve: Serve) -> None:
    app = Held()
    server = serve(app=app)
    one = b"GET /held HTTP/1.1\r\nhost: localhost\r\n\r\n"
    try:
        with server.connect() as asking:
            with suppress(ConnectionError):
                asking.sendall(one * PIPELINED)
            until(lambda: app.given >= 1)
            assert server.ask().startswith(b"HTTP/1.1 200")
            assert queued() <= MOST_PIPELINED
            with suppress(ConnectionError):
                asking.recv(1)  # it is closed
    finally:
        app.let.set()


def test_a_few_pipelined_requests_are_answered_in_their_order(serve: Serve) -> None:
    server = serve()
    with server.connect() as asking:
        asking.sendall(WHOLE * MOST_PIPELINED)
        told = b""
        while told.count(b"well") < MOST_PIPELINED:
            more = asking.recv(65_536)
            assert more
            told += more
        assert told.count(b"HTTP/1.1 200") == MOST_PIPELINED
    assert server.ask().startswith(b"HTTP/1.1 200")


BIG = b"x" * (32 << 20)


async def answer_big(scope: Any, receive: Any, send: Any) -> None:
    body = BIG if scope["path"] == "/big" else b"well"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def unread(server: Server) -> socket.socket:
    """A connection that asks for much and reads nothing of it."""
    asking = server.connect()
    asking.sendall(b"GET /big HTTP/1.1\r\nhost: localhost\r\n\r\n")
    return asking


def stalled() -> int:
    """Connections of this process whose answers are not read."""
    found = (one for one in gc.get_objects() if type(one) is BoundedHttp)
    return sum(
        one.flow is not None and one.flow.write_paused and not one.transport.is_closing()
        for one in found
    )


def test_answers_that_nobody_reads_end_their_connection(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, give_way = threading.Event(), BoundedHttp.give_way

    def ends(self: BoundedHttp) -> None:
        give_way(self)
        ended.set()

    monkeypatch.setattr(BoundedHttp, "give_way", ends)
    server = serve(unread_s=0.3, app=answer_big)
    with unread(server) as asking:
        until(ended.is_set)
        size = 0
        with suppress(ConnectionError):
            while more := asking.recv(1 << 20):
                size += len(more)
        assert size < len(BIG)
    assert server.ask().startswith(b"HTTP/1.1 200")


def test_answers_that_nobody_reads_are_bounded_in_number(serve: Serve) -> None:
    server = serve(per_address=4, app=answer_big)
    with ExitStack() as held:
        for _ in range(20):
            held.enter_context(unread(server))
        until(lambda: stalled() == 4)
        assert server.ask("127.0.0.9").startswith(b"HTTP/1.1 200")
        assert stalled() <= 4


def test_a_long_answer_is_read_to_its_end(serve: Serve) -> None:
    server = serve(app=answer_big)
    with unread(server) as asking:
        until(lambda: stalled() == 1)
        size = 0
        while size < len(BIG):
            size += len(asking.recv(1 << 20))
        until(lambda: stalled() == 0)
    assert server.ask().startswith(b"HTTP/1.1 200")
