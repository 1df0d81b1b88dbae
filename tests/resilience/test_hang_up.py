"""Callers that hang up amid a body or an answer leave no trace of a fault in the log."""

import json
import socket
import struct

import httpx

from config.settings import Settings
from tests.resilience.conftest import lead_ids
from tests.resilience.services import event, service
from wiring.scoring import open_scoring

TIMES = 15


def request(path: str, body: bytes, length: int | None = None) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    size = len(body) if length is None else length
    return f"{head}content-length: {size}\r\n\r\n".encode() + body


def hang_up(url: httpx.URL, said: bytes, *, rudely: bool) -> None:
    """Connect, say so much, and leave without listening; rudely: by a reset."""
    with socket.create_connection((url.host, url.port or 0)) as asking:
        if rudely:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        asking.sendall(said)


def test_who_hangs_up_leaves_no_traceback(own_home: Settings) -> None:
    leads = lead_ids(open_scoring(own_home), 300)
    with service(own_home, leads) as held:
        url = held.client.base_url
        bodies = {
            "/score": {"lead_id": leads[0]},
            "/score_batch": {"lead_ids": leads},
            "/what_if": {"lead_id": leads[0], "changes": {"employees": 9}},
            "/events": {"events": [event() for _ in range(200)]},
        }
        for _ in range(TIMES):
            for path, told in bodies.items():
                body = json.dumps(told).encode()
                for rudely in (False, True):
                    hang_up(url, request(path, body[:-9], len(body)), rudely=rudely)
                    hang_up(url, request(path, body), rudely=rudely)
            for rudely in (False, True):
                hang_up(
                    url, b"GET /leads?limit=500 HTTP/1.1\r\nhost: localhost\r\n\r\n", rudely=rudely
                )
        held.assert_well()
        log = held.server.log
    said = log.read_text()
    assert "Traceback" not in said, said[-3000:]
    assert "ERROR" not in said, said[-3000:]
