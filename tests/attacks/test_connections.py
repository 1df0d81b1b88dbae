"""Whoever opens connections and sends no request takes nothing from others."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from serving import connections
from serving.connections import HEAD_BYTES, BoundedHttp, Waiting, bound_connections

HALF = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nx-slow: "
WHOLE = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"
TIMEOUT_S = 20.0


async def answer(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"well"})


class Server:
    """Uvicorn with the bounded protocol, in a thread, on a free port."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port: int = self.listening.getsockname()[1]
        config = uvicorn.Config(answer, log_config=None, lifespan="off")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([self.listening],))
        self.thread.start()

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(
            ("127.0.0.1", self.port), TIMEOUT_S, source_address=(source, 0)
        )

    def ask(self, source: str = "127.0.0.1") -> bytes:
        with self.connect(source) as asking:
            asking.sendall(WHOLE)
            return asking.recv(64)

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(TIMEOUT_S)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(*, most: int = 896, per_address: int = 128, head_s: float = TIMEOUT_S) -> Server:
        bound_connections()
        monkeypatch.setattr(connections, "HEADERS_S", head_s)
        monkeypatch.setattr(BoundedHttp, "waiting", Waiting(most, per_address))
        started.append(Server())
        return started[-1]

    yield start
    for server in started:
        server.close()


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


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abc"), st.booleans())))
def test_never_more_wait_than_may(steps: list[tuple[int, str, bool]]) -> None:
    waiting, alive = Waiting(6, 3), dict[int, str]()
    for connection, address, ends in steps:
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
