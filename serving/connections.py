"""Connections that are held open without a request, bounded: in time, in bytes and in number.

A request's head must be complete within HEADERS_S and HEAD_BYTES. Who opens connections and sends
no request takes descriptors from everybody else, probes included: of such connections one address
may hold WAITING_PER_ADDRESS, and all together no more than leave SPARE descriptors free; the
oldest is closed where another comes. Over TLS a connection counts from before its handshake on.
Whoever does not read the answer waits as well, and is closed after UNREAD_S; who sends more than
MOST_PIPELINED requests ahead is closed at once. What is left of a body that was answered before it
ended is bounded like a head. Connections that are answering, and are read, count
for nothing here: a proxy may keep many.

A connection is told why it is closed only where the other end waits for an answer: what is sent
after an answer, or within one, would be read as that of its next request.
"""

import asyncio
import resource
from collections.abc import Callable
from typing import Any

import uvicorn.config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving import handshakes
from serving.pending_connections import PendingConnections, address_of

HEADERS_S = 10.0
"""How long a request's head may take to arrive, from the connection or its first byte on."""
HEAD_BYTES = 64 * 1024
"""How long a request's head may be."""
UNREAD_S = 60.0
"""How long the other end may leave an answer unread, of which all that is buffered is full."""
MOST_PIPELINED = 16
"""Requests that one connection may send ahead, before the one under way is answered."""
WAITING_PER_ADDRESS = 128
SPARE = 128
"""Descriptors that connections without a request leave to files, databases and probes."""
MOST_DESCRIPTORS = 65_536
"""The process's own limit is raised to this, where the system lets it."""
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n"


def raise_descriptors() -> int:
    """Raise this process's limit of descriptors as far as it may; the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    wanted = MOST_DESCRIPTORS if unlimited else min(hard, MOST_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY:
        return MOST_DESCRIPTORS
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return min(max(soft, wanted), MOST_DESCRIPTORS)


class BoundedHttp(HttpToolsProtocol):
    """Uvicorn's HTTP protocol, within these bounds. One `waiting` serves a process."""

    waiting = PendingConnections(1024 - SPARE, WAITING_PER_ADDRESS)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head = 0
        self._silent = False
        self._late: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._read()
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; refuse a head that is too long.

        What came with the end of the request before is not counted: most of it may be its body.
        """
        waiting = self._late
        super().data_received(data)
        if self._late is not None and self._late is waiting:
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self._close(_TOO_LONG)

    def on_message_begin(self) -> None:
        """Wait for the rest of the head."""
        super().on_message_begin()
        self._silent = self.cycle is not None and not self.cycle.response_complete
        self._begin()

    def on_headers_complete(self) -> None:
        """The head is here."""
        self._end()
        if self.transport.is_closing():
            return  # what else came with it is for nobody
        if len(self.pipeline) >= MOST_PIPELINED:
            self.give_way()
            return
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Go on with what was sent ahead, and read no more before that is answered."""
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()
        if self.cycle.response_complete and self.cycle.more_body:
            self._silent = True
            self._begin()  # what is left of its body is for nobody: it counts as a head that waits

    def on_body(self, body: bytes) -> None:
        """Part of a body; of a request that was not begun, because the end was near, for nobody."""
        if self.cycle is not None:
            super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Say that this is no request, where nothing else is being answered."""
        if self._silent:
            self._close(b"")
        else:
            super().send_400_response(msg)

    def on_message_complete(self) -> None:
        """The body is here; where it was answered before, wait for another request."""
        if self.cycle is not None:
            super().on_message_complete()
            if self.cycle.response_complete:
                self._end()
                self._begin()

    def pause_writing(self) -> None:
        """The answer is not read: wait for that, not for ever."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(UNREAD_S, self.give_way)
            self._give_room()

    def resume_writing(self) -> None:
        """It is read."""
        self._read()
        super().resume_writing()

    def give_way(self) -> None:
        """End, in favour of another."""
        self.pipeline.clear()
        self.transport.abort()
        self._read()
        self._end()

    def _begin(self) -> None:
        if self._late is not None:
            return
        self._head = 0
        self._late = self.loop.call_later(HEADERS_S, self._close, _TOO_SLOW)
        self._give_room()

    def _give_room(self) -> None:
        over = self.waiting.begin(self, address_of(self.transport))
        if over is not None:
            over.give_way()

    def _end(self) -> None:
        """Wait for a head no longer."""
        if self._late is not None:
            self._late.cancel()
            self._late = None
        if self._unread is None:
            self.waiting.end(self)

    def _read(self) -> None:
        """Wait for the other end to read no longer."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        if self._late is None:
            self.waiting.end(self)

    def _close(self, message: bytes) -> None:
        self._end()
        if not self.transport.is_closing():
            if not self._silent:
                self.transport.write(message)
            self.pipeline.clear()
            self.transport.close()


def bound_connections() -> None:
    """Make servers that this process starts from now on keep to these bounds."""
    most = max(SPARE, raise_descriptors() - SPARE)
    BoundedHttp.waiting = PendingConnections(most, WAITING_PER_ADDRESS)
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{BoundedHttp.__name__}"
    uvicorn.config.LOOP_FACTORIES["auto"] = f"{__name__}:{bounded_loop.__name__}"


def bounded_loop(*, use_subprocess: bool = False) -> Callable[[], asyncio.AbstractEventLoop]:
    """Uvicorn's event loop, whose TLS handshakes count among the connections that wait."""
    return handshakes.bounded_loop(BoundedHttp.waiting, use_subprocess=use_subprocess)
