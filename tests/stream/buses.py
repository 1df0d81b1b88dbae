"""A worker in this process on a real NATS server, and a sink that remembers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count

import msgspec

from domain.errors import Unavailable
from domain.signals import Counts
from signals.store.quarantine import Rejected
from signals.stream import nats
from signals.stream.group_commit import Outgoing
from signals.stream.handler import Handler, Sink
from signals.stream.nats import NatsBus, NatsWorker
from signals.stream.options import StreamOptions
from tests.waiting import PATIENCE_S

FAST = StreamOptions(batch=50, linger_s=0.05, partitions=4, lease_s=1.0, graceful_s=5)
MANY = 100
"""Deliveries before a message is a dead letter: a busy machine outlasts such short leases often."""
_numbers = count(1)


def document(number: int, person: str = "ann", source: str = "test") -> bytes:
    return msgspec.json.encode(
        {
            "id": f"e{number}",
            "source": source,
            "type": "web.page_viewed",
            "time": "2026-01-01T00:00:00Z",
            "identifiers": {"user_id": person},
            "data": {"page": "/"},
        }
    )


class RecordingSink:
    """A sink that remembers what it took, in order; it fails as told.

    `places` are the files and lines that documents were said to be from. `poison`: bodies that
    hold it cannot be committed. `away` and `offline`: commits and pushes are Unavailable.
    """

    def __init__(self, delay_s: float = 0.0) -> None:
        self.taken: list[bytes] = []
        self.sizes: list[int] = []
        self.places: list[tuple[str, int]] = []
        self.poison = b"\0"
        self.away = self.offline = False
        self.delay_s = delay_s
        self.pushes = 0
        self.inside = 0

    def commit(
        self,
        documents: Sequence[tuple[int, bytes]],
        origin: str,
        rejected: Sequence[Rejected] = (),
    ) -> Counts:
        assert not self.inside, "two transactions at once"
        self.inside += 1
        try:
            time.sleep(self.delay_s)
            if self.away:
                raise Unavailable("away", rule="test")
            if any(self.poison in body for _, body in documents):
                raise RuntimeError("poison")
            self.taken += [body for _, body in documents]
            self.sizes.append(len(documents))
            self.places += [(origin, line) for line, _ in documents]
        finally:
            self.inside -= 1
        return Counts(received=len(documents), accepted=len(documents))

    def push(self) -> None:
        if self.offline:
            raise Unavailable("offline", rule="test")
        self.pushes += 1

    def numbers(self, person: str) -> list[int]:
        """The numbers of a person's events, in the order taken."""
        held = [msgspec.json.decode(body) for body in self.taken]
        return [int(e["id"][1:]) for e in held if e["identifiers"]["user_id"] == person]


class Running:
    """A worker that runs in this process."""

    def __init__(self, bus: NatsBus, sink: Sink, options: StreamOptions, deliveries: int) -> None:
        self.stopping = asyncio.Event()
        self.handler = Handler(sink, self.stopping, time.monotonic, deliveries, 0.02)
        self.worker = NatsWorker(
            bus, self.handler, options, f"{next(_numbers):06x}", time.monotonic
        )
        self.task = asyncio.create_task(self.worker.run(self.stopping))

    async def stop(self) -> None:
        self.stopping.set()
        await self.task


@asynccontextmanager
async def working(
    url: str, sink: RecordingSink, options: StreamOptions = FAST, deliveries: int = MANY
) -> AsyncIterator[Running]:
    bus = await nats.connect(url, options)
    worker = Running(bus, sink, options, deliveries)
    try:
        yield worker
    finally:
        await worker.stop()
        await bus.broker.stop()


async def publish(url: str, documents: Sequence[bytes]) -> None:
    bus = await nats.connect(url, FAST)
    try:
        await nats.publish(bus, map(Outgoing, documents))
    finally:
        await bus.broker.stop()


async def until(fact: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """As tests/waiting.py has it, for a worker that runs in this loop."""
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it did not come about"
        await asyncio.sleep(0.02)


async def until_settled(running: Running, seconds: float = PATIENCE_S) -> None:
    """Until the bus holds nothing: acknowledgements travel by themselves."""
    end = time.monotonic() + seconds
    while await running.worker.pending():
        assert time.monotonic() < end, "messages stay pending"
        await asyncio.sleep(0.02)
