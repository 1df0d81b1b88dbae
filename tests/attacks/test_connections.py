"""Whoever opens connections and sends no request takes nothing from others."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.connections import HEAD_BYTES, BoundedHttp
from serving.pending_connections import Connection, PendingConnections
from tests.attacks.conftest import HALF, WHOLE, Server


def closed(half: socket.socket) -> bytes:
    """What a connection is told before it is closed."""
    with suppress(ConnectionError):
        return half.recv(4096)
    return b""


def test_half_requests_leave_room_for_others(serve: Callable[..., Server]) -> None:
    server = serve(per_address=64)
    with ExitStack() as held:
        halves = [held.enter_context(server.connect()) for _ in range(300)]
        for half in halves:
            with suppress(ConnectionError):
                half.sendall(HALF)
        assert server.ask().startswith(b"HTTP/1.1 200")
        assert len(BoundedHttp.waiting) <= 64


def test_many_addresses_together_leave_room(serve: Callable[..., Server]) -> None:
    server = serve(most=100, per_address=64)
    with ExitStack() as held:
        for n in range(2, 10):
            for _ in range(40):
                half = held.enter_context(server.connect(f"127.0.0.{n}"))
                with suppress(ConnectionError):
                    half.sendall(HALF)
        assert server.ask("127.0.0.77").startswith(b"HTTP/1.1 200")
        assert len(BoundedHttp.waiting) <= 100


@pytest.mark.parametrize("sent", [b"", b"G", HALF])
def test_a_head_that_does_not_come_is_not_waited_for(
    serve: Callable[..., Server], sent: bytes
) -> None:
    server = serve(head_s=0.1)
    with server.connect() as slow:
        slow.sendall(sent)
        assert closed(slow).startswith(b"HTTP/1.1 408")


def test_the_second_request_of_a_connection_is_waited_for_no_longer(
    serve: Callable[..., Server],
) -> None:
    server = serve(head_s=0.2)
    with server.connect() as slow:
        slow.sendall(WHOLE)
        assert slow.recv(4096).startswith(b"HTTP/1.1 200")
        slow.sendall(HALF)
        told = b""
        while not told.endswith(b"close\r\n\r\n") and (more := closed(slow)):
            told += more
        assert b"408" in told


def test_a_head_without_end_is_refused(serve: Callable[..., Server]) -> None:
    server = serve()
    with server.connect() as long:
        with suppress(ConnectionError):
            long.sendall(HALF + b"x" * (2 * HEAD_BYTES))
        assert closed(long)[:12] in (b"HTTP/1.1 431", b"")
    assert server.ask().startswith(b"HTTP/1.1 200")


def everything(half: socket.socket) -> bytes:
    """All that a connection is told until it is closed."""
    said = b""
    while more := closed(half):
        said += more
    return said


@pytest.mark.parametrize("head_s", [0.3, 20.0])
def test_after_an_answer_nothing_is_said_of_what_is_left_of_a_body(
    serve: Callable[..., Server], head_s: float
) -> None:
    server = serve(head_s=head_s)
    with server.connect() as early:
        early.sendall(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9000000\r\n\r\n")
        assert early.recv(4096).startswith(b"HTTP/1.1 200")
        with suppress(ConnectionError):
            early.sendall(b"x" * (HEAD_BYTES + 1 if head_s > 1 else 1))
        assert b"HTTP" not in everything(early)


@pytest.mark.parametrize("ahead", [HALF + b"x" * (2 * HEAD_BYTES), HALF, b"no request\r\n\r\n"])
def test_nothing_is_said_within_an_answer(serve: Callable[..., Server], ahead: bytes) -> None:
    async def unfinished(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await asyncio.Event().wait()

    server = serve(head_s=0.3, app=unfinished)
    server.server.force_exit = True  # its answer never ends
    with server.connect() as asking:
        asking.sendall(WHOLE)
        said = b""
        while b"begun" not in said:
            said += asking.recv(4096)
        with suppress(ConnectionError):
            asking.sendall(ahead)
        assert b"HTTP" not in everything(asking)


@dataclass(frozen=True)
class One:
    """A connection that waits."""

    number: int

    def give_way(self) -> None:
        """It is ended by who asks."""


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abc"), st.booleans())))
def test_never_more_wait_than_may(steps: list[tuple[int, str, bool]]) -> None:
    waiting, alive = PendingConnections(6, 3), dict[Connection, str]()
    for number, address, ends in steps:
        connection = One(number)
        if ends:
            waiting.end(connection)
            alive.pop(connection, None)
            continue
        over = waiting.begin(connection, alive.get(connection, address))
        alive.setdefault(connection, address)
        if over is not None:
            waiting.end(over)
            assert over != connection
            del alive[over]
        assert len(waiting) == len(alive) <= 6
        assert all(list(alive.values()).count(one) <= 3 for one in "abc")
