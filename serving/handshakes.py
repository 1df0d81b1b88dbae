"""TLS handshakes, bounded: in time, and in number, of one address and of all together.

An event loop tells a server of a connection once its handshake is done; who connects and says
nothing holds a descriptor until then that nobody counts. So a TLS server of this process listens
in plain text, counts a connection from the moment it is accepted, among those that wait
(`serving.connections`), and makes it TLS then.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from uvicorn.loops.auto import auto_loop_factory

from serving.pending_connections import PendingConnections, address_of

HANDSHAKE_S = 10.0
"""How long a handshake may take, from the connection on."""

MakeProtocol = Callable[[], asyncio.Protocol]
CreateServer = Callable[..., Coroutine[Any, Any, asyncio.Server]]


class Handshake(asyncio.Protocol):
    """A connection until its handshake is done; what `make` gives takes its place then."""

    def __init__(
        self, make: MakeProtocol, context: ssl.SSLContext, waiting: PendingConnections
    ) -> None:
        self._make, self._context, self._waiting = make, context, waiting
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._hello = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the handshake."""
        self._transport = transport
        over = self._waiting.begin(self, address_of(transport))
        if over is not None:
            over.give_way()
        self._task = asyncio.get_running_loop().create_task(self._shake(transport))

    def data_received(self, data: bytes) -> None:
        """Keep what comes before the handshake begins, and read no more until then."""
        self._hello += data
        if self._transport is not None:
            self._transport.pause_reading()

    def connection_lost(self, _: Exception | None) -> None:
        """Wait no longer."""
        self._waiting.end(self)

    def give_way(self) -> None:
        """End, in favour of another."""
        self._waiting.end(self)
        if self._transport is not None:
            self._transport.abort()

    async def _shake(self, transport: asyncio.Transport) -> None:
        early = _Early()
        encrypted: asyncio.Transport | None = None
        # any failure is the peer's: it hung up, was too slow, or speaks something else
        with suppress(OSError, TimeoutError):
            encrypted = await self._encrypted(transport, early)
        self._waiting.end(self)
        if encrypted is None or transport.is_closing():
            transport.abort()
            return
        protocol = self._make()
        encrypted.set_protocol(protocol)
        protocol.connection_made(encrypted)
        early.hand_over(protocol)

    async def _encrypted(
        self, transport: asyncio.Transport, early: asyncio.Protocol
    ) -> asyncio.Transport | None:
        loop = asyncio.get_running_loop()
        upgrade = loop.create_task(
            loop.start_tls(
                transport,
                early,
                self._context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_S,
            )
        )
        await asyncio.sleep(0)  # the upgrade has begun; its beginning is called next, then this
        loop.call_soon(self._feed, transport)
        return await upgrade

    def _feed(self, transport: asyncio.Transport) -> None:
        """Give what came too early to whom it is for."""
        taking: Any = transport.get_protocol()  # a buffered protocol, of either kind of loop
        hello = memoryview(self._hello)
        while hello and not transport.is_closing():
            room = memoryview(taking.get_buffer(len(hello)))
            size = min(len(room), len(hello))
            room[:size] = hello[:size]
            taking.buffer_updated(size)
            hello = hello[size:]


class _Early(asyncio.Protocol):
    """What comes in the moment between the handshake and the protocol's beginning."""

    def __init__(self) -> None:
        self._data: list[bytes] = []
        self._ended = False

    def data_received(self, data: bytes) -> None:
        self._data.append(bytes(data))

    def eof_received(self) -> None:
        self._ended = True

    def hand_over(self, protocol: asyncio.Protocol) -> None:
        for data in self._data:
            protocol.data_received(data)
        if self._ended:
            protocol.eof_received()


def bounded_loop(
    waiting: PendingConnections, *, use_subprocess: bool
) -> Callable[[], asyncio.AbstractEventLoop]:
    """Uvicorn's own choice of event loop; the TLS servers it makes count among `waiting`."""
    make = auto_loop_factory(use_subprocess=use_subprocess)

    def make_loop() -> asyncio.AbstractEventLoop:
        loop = make()
        plain: CreateServer = loop.create_server
        loop.create_server = partial(_create_server, plain, waiting)  # type: ignore[method-assign]
        return loop

    return make_loop


async def _create_server(
    plain: CreateServer,
    waiting: PendingConnections,
    make: MakeProtocol,
    *arguments: Any,
    ssl: ssl.SSLContext | None = None,
    **named: Any,
) -> asyncio.Server:
    if ssl is None:
        return await plain(make, *arguments, **named)
    return await plain(lambda: Handshake(make, ssl, waiting), *arguments, **named)
