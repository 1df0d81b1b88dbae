"""Load on an HTTP server of this machine: some connections, each asking again as it is answered.

Run as a program of its own, so that it has its own interpreter:
`python -m tests.bench.load URL PATH CONNECTIONS SECONDS < bodies`, one JSON body a line.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Load:
    """Requests a second, seconds at the median and at the 99th percentile, answers by status."""

    throughput: float
    p50_s: float
    p99_s: float
    statuses: dict[str, int]


def load(
    url: str, path: str, bodies: Sequence[str], *, connections: int = 16, seconds: float = 5.0
) -> Load:
    """What a server bears, from another process."""
    command = [sys.executable, "-m", "tests.bench.load", url, path, str(connections), str(seconds)]
    done = subprocess.run(
        command, input="\n".join(bodies), capture_output=True, text=True, check=True, cwd=ROOT
    )
    return Load(**json.loads(done.stdout))


class _Asking(asyncio.Protocol):
    """One connection."""

    def __init__(self, requests: Iterator[bytes], until: float) -> None:
        self._requests = requests
        self._until = until
        self._held = b""
        self._sent = 0.0
        self.took: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._sent = perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, rest = self._held.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(rest) < length:
            return
        now = perf_counter()
        self._held = b""
        self.took.append(now - self._sent)
        self.statuses[head.split(b" ", 2)[1].decode()] += 1
        if now < self._until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def _run(url: str, path: str, connections: int, seconds: float, bodies: list[str]) -> Load:
    at = urlsplit(url)
    head = f"POST {path} HTTP/1.1\r\nhost: {at.netloc}\r\ncontent-type: application/json\r\n"
    requests = cycle(
        [f"{head}content-length: {len(b)}\r\n\r\n{b}".encode() for b in bodies if b.strip()]
    )
    began = perf_counter()
    made = [
        await asyncio.get_running_loop().create_connection(
            lambda: _Asking(requests, began + seconds), at.hostname or "", at.port or 80
        )
        for _ in range(connections)
    ]
    await asyncio.gather(*(asking.done for _, asking in made))
    took = sorted(one for _, asking in made for one in asking.took)
    statuses = sum((asking.statuses for _, asking in made), Counter[str]())
    return Load(
        throughput=len(took) / (perf_counter() - began),
        p50_s=took[len(took) // 2],
        p99_s=took[len(took) * 99 // 100],
        statuses=dict(statuses),
    )


if __name__ == "__main__":
    url, path, connections, seconds = sys.argv[1:]
    bodies = sys.stdin.read().splitlines()
    found = asyncio.run(_run(url, path, int(connections), float(seconds), bodies))
    print(json.dumps(found.__dict__))  # noqa: T201 what the caller reads
