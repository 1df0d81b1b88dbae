"""Answers 503 while no worker process runs, so that callers are not left without an answer."""

import json
import select
import socket
from contextlib import suppress

ASK_S = 0.5
"""How long a caller may take to send its request."""
MOST_BYTES = 64 * 1024
_PROBLEM = {
    "type": "urn:leadscore:problem:unavailable",
    "title": "Service Unavailable",
    "status": 503,
    "detail": "No worker process of the service lives at the moment. Try again.",
    "rule": "workers-alive",
}


def answer_for(listening: socket.socket, seconds: float, retry_after_s: int) -> None:
    """Answer every connection 503 for so many seconds, one after the other.

    `listening` must be non-blocking. Requests are not read.
    """
    if select.select([listening], [], [], seconds)[0]:
        with suppress(OSError):
            asking, _ = listening.accept()
            with asking:
                _answer(asking, retry_after_s)


def _answer(asking: socket.socket, retry_after_s: int) -> None:
    asking.settimeout(ASK_S)
    asking.recv(MOST_BYTES)  # who is answered before it has asked may be told of a broken pipe
    body = json.dumps(_PROBLEM).encode()
    head = (
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\nretry-after: {retry_after_s}\r\n"
        "cache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    asking.sendall(head.encode() + body)
    asking.shutdown(socket.SHUT_WR)
    asking.recv(MOST_BYTES)
