"""Whoever connects to a service that speaks HTTPS and says nothing takes nothing from others."""

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from serving.connections import BoundedHttp
from tests.attacks.conftest import HALF, WHOLE, Pair, Server
from tests.serving.test_tls import make_pair

Serve = Callable[..., Server]
HELLO = b"\x16\x03\x01\x02\x00\x01"
"""The first bytes of a handshake, and no more."""


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return make_pair(tmp_path)


@contextmanager
def encrypted(server: Server, pair: Pair, source: str = "127.0.0.1") -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=pair[0])
    with (
        server.connect(source) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as speaking,
    ):
        yield speaking


def ask(server: Server, pair: Pair, source: str = "127.0.0.1") -> bytes:
    with encrypted(server, pair, source) as asking:
        asking.sendall(WHOLE)
        return asking.recv(64)


def ended(held: socket.socket) -> bool:
    """Whether the other side has closed it: waits until it has, or for the socket's timeout."""
    with suppress(ConnectionError):
        while held.recv(4096):
            pass
    return True


@pytest.mark.parametrize("said", [b"", HELLO], ids=["silent", "half a hello"])
def test_the_oldest_of_an_address_gives_way(serve: Serve, pair: Pair, said: bytes) -> None:
    server = serve(per_address=16, pair=pair)
    with ExitStack() as held:
        silent = [held.enter_context(server.connect()) for _ in range(64)]
        for one in silent:
            with suppress(ConnectionError):
                one.sendall(said)
        assert all(ended(one) for one in silent[:40]), "those that came first were closed"
        assert ask(server, pair).startswith(b"HTTP/1.1 200")
        assert len(BoundedHttp.waiting) <= 16


def test_many_addresses_together_leave_room(serve: Serve, pair: Pair) -> None:
    server = serve(most=20, per_address=16, pair=pair)
    with ExitStack() as held:
        silent = [
            held.enter_context(server.connect(f"127.0.0.{n}"))
            for n in range(2, 10)
            for _ in range(10)
        ]
        assert all(ended(one) for one in silent[:50])
        assert ask(server, pair, "127.0.0.77").startswith(b"HTTP/1.1 200")
        assert len(BoundedHttp.waiting) <= 20


@pytest.mark.parametrize("said", [b"", HELLO], ids=["silent", "half a hello"])
def test_a_handshake_is_not_waited_for_long(serve: Serve, pair: Pair, said: bytes) -> None:
    server = serve(handshake_s=0.2, pair=pair)
    with server.connect() as silent:
        silent.sendall(said)
        assert ended(silent)
    assert ask(server, pair).startswith(b"HTTP/1.1 200")


def test_after_the_handshake_the_head_is_waited_for_as_ever(serve: Serve, pair: Pair) -> None:
    server = serve(head_s=0.2, pair=pair)
    with encrypted(server, pair) as slow:
        slow.sendall(HALF)
        assert slow.recv(64).startswith(b"HTTP/1.1 408")


def test_what_is_no_handshake_is_closed_and_forgotten(serve: Serve, pair: Pair) -> None:
    server = serve(pair=pair)
    with server.connect() as plain:
        plain.sendall(WHOLE)
        assert ended(plain)
    with server.connect() as gone:
        gone.sendall(HELLO)
    assert ask(server, pair).startswith(b"HTTP/1.1 200")
    while len(BoundedHttp.waiting):
        ask(server, pair)


def test_many_at_once_are_all_answered(serve: Serve, pair: Pair) -> None:
    """The request comes with the last bytes of the handshake, or a moment later."""
    server = serve(per_address=1_000, pair=pair)
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: ask(server, pair), range(200)))
    assert {one[:12] for one in told} == {b"HTTP/1.1 200"}
