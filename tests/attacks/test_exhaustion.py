"""Whoever sends much costs others nothing: heads without end, floods of one address."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from serving.connections import HEAD_BYTES
from serving.pending_connections import PendingConnections
from tests.attacks.conftest import Server

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
