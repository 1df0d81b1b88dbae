"""A server that is really listening, with the bounds of the service's connections."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

from serving import connections, handshakes
from serving.connections import BoundedHttp, bound_connections
from serving.pending_connections import PendingConnections

HALF = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nx-slow: "
WHOLE = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"
TIMEOUT_S = 20.0

Pair = tuple[str, str]
"""Paths of a certificate and of its key."""


async def answer(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"well"})


class Server:
    """Uvicorn with the bounded protocol, in a thread, on a free port."""

    def __init__(self, pair: Pair | None = None, app: Any = answer) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port: int = self.listening.getsockname()[1]
        certificate, key = pair or (None, None)
        config = uvicorn.Config(
            app, log_config=None, lifespan="off", ssl_certfile=certificate, ssl_keyfile=key
        )
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

    def start(
        *,
        most: int = 896,
        per_address: int = 128,
        head_s: float = TIMEOUT_S,
        handshake_s: float = TIMEOUT_S,
        unread_s: float = TIMEOUT_S,
        app: Any = answer,
        pair: Pair | None = None,
    ) -> Server:
        bound_connections()
        monkeypatch.setattr(connections, "HEADERS_S", head_s)
        monkeypatch.setattr(connections, "UNREAD_S", unread_s, raising=False)
        monkeypatch.setattr(handshakes, "HANDSHAKE_S", handshake_s)
        monkeypatch.setattr(BoundedHttp, "waiting", PendingConnections(most, per_address))
        started.append(Server(pair, app))
        return started[-1]

    yield start
    for server in started:
        server.close()
