"""Load on an HTTP server of this machine: some connections, each asking again as it is answered.

Run as a program of its own, so that it has its own interpreter:
`python -m tests.benchmarks.load URL PATH CONNECTIONS SECONDS < bodies`, one JSON body a line.
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
    """Requests a second, seconds at the median and at the 99th percentile, answers by status.

    `p99_of` are the seconds at the 99th percentile by status. A 429 that does not say when to ask
    again has the status "429 without Retry-After". The first answer on each connection does not
    count: it waited for the connection to be accepted, of which a busy server does one at a time.
    """

    throughput: float
    p50_s: float
    p99_s: float
    statuses: dict[str, int]
    p99_of: dict[str, float]


def load(
    url: str, path: str, bodies: Sequence[str], *, connections: int = 16, seconds: float = 5.0
) -> Load:
    """What a server bears, from another process."""
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.load",
        url,
        path,
        str(connections),
        str(seconds),
    ]
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
        self._warm = False
        self.took: list[tuple[str, float]] = []
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
        status = head.split(b" ", 2)[1].decode()
        if status == "429" and b"\r\nretry-after:" not in head.lower():
            status += " without Retry-After"
        if self._warm:
            self.took.append((status, now - self._sent))
        self._warm = True
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
    told = [one for _, asking in made for one in asking.took]
    took = sorted(seconds for _, seconds in told)
    statuses = Counter(status for status, _ in told)
    return Load(
        throughput=len(took) / (perf_counter() - began),
        p50_s=took[len(took) // 2],
        p99_s=took[len(took) * 99 // 100],
        statuses=dict(statuses),
        p99_of={
            one: _p99([seconds for status, seconds in told if status == one]) for one in statuses
        },
    )


def _p99(took: list[float]) -> float:
    return sorted(took)[len(took) * 99 // 100]


if __name__ == "__main__":
    url, path, connections, seconds = sys.argv[1:]
    bodies = sys.stdin.read().splitlines()
    found = asyncio.run(_run(url, path, int(connections), float(seconds), bodies))
    print(json.dumps(found.__dict__))  # noqa: T201 what the caller reads
