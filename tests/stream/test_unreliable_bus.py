"""What a bus drops and sends again, doubles, delays or reorders changes nothing in the end.

The worker's handler over real signal planes, with a bus in memory that is as bad as at-least-once
delivery allows: what was not settled comes again, later; what was settled may come again, too.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.clock import SystemClock
from domain.errors import Unavailable
from domain.signals import Counts, Signal, encode
from signals.contracts.registry import standard_contracts
from signals.events import event_log
from signals.ingest.ingest import Ingest
from signals.store.quarantine import Rejected
from signals.stream.group_commit import Delivery
from signals.stream.handler import Handler
from tests.signals.planes import Plane, assert_same, open_plane, reader_of
from tests.signals.test_identity import tangles
from tests.signals.totals import read_totals

PARTITIONS, BATCH, WORKERS = 3, 4, 2
READER = reader_of(standard_contracts().values())


class UnreliableBus:
    """Partitions whose messages stay until settled, or longer: a `signals.stream.handler.Bus`.

    `place` is a message's number in the bus; a batch is what of a partition comes next.
    """

    def __init__(self, documents: Sequence[bytes], chance: random.Random) -> None:
        self._chance = chance
        self._bodies = dict(enumerate(documents))
        self._deliveries = dict.fromkeys(self._bodies, 0)
        self.open = set(self._bodies)
        self.dead: list[bytes] = []

    def batch(self) -> list[Delivery]:
        """Some messages in any order: most are open, some are settled and come once more."""
        chance = self._chance
        some = chance.sample(sorted(self.open), min(BATCH, len(self.open)))
        some += [p for p in self._bodies if p not in self.open and chance.random() < 0.1]
        chance.shuffle(some)
        for place in some:
            self._deliveries[place] += 1
        twice = some[: chance.randrange(2)]
        return [Delivery(self._bodies[p], p, self._deliveries[p]) for p in some + twice]

    def mine(self) -> bool:
        """The partition is lost now and then, with a batch in hand."""
        return self._chance.random() < 0.8

    async def settle(self, places: Sequence[int]) -> None:
        """Acknowledgements get lost, too."""
        self.open -= {place for place in places if self._chance.random() < 0.7}

    async def bury(self, delivery: Delivery, reason: str) -> None:
        self.dead.append(delivery.body)


class Failing:
    """A way in that is away at times: before a commit, after it, and between commit and push.

    Each commit is one of several workers', none of which knows what the others do.
    """

    def __init__(self, planes: Sequence[Plane], chance: random.Random) -> None:
        self._planes = planes
        self._chance = chance

    def commit(
        self,
        documents: Sequence[tuple[int, bytes]],
        origin: str,
        rejected: Sequence[Rejected] = (),
    ) -> Counts:
        self._fail()
        counts = self._chance.choice(self._planes).ingest.commit(documents, origin, rejected)
        self._fail()
        return counts

    def push(self) -> None:
        self._fail()
        self._chance.choice(self._planes).ingest.push()

    def _fail(self) -> None:
        if self._chance.random() < 0.1:
            raise Unavailable("away", rule="test")


async def deliver(planes: Sequence[Plane], documents: list[bytes], seed: int) -> UnreliableBus:
    """Deliver over partitions at once, to a worker that is replaced now and then."""
    chance = random.Random(seed)
    bus, sink = UnreliableBus(documents, chance), Failing(planes, chance)
    while bus.open:
        handler = Handler(sink, asyncio.Event(), time.monotonic, 1_000, 0.0)
        for _ in range(chance.randrange(1, 5)):
            batches = [bus.batch() for _ in range(PARTITIONS)]
            await asyncio.gather(*(handler.handle(batch, "test", bus) for batch in batches))
    planes[0].ingest.push()
    return bus


@limits(max_examples=25, deadline=None)
@given(tangles(), st.integers(0, 2**32))
def test_the_end_is_that_of_a_reliable_bus(signals: list[Signal], seed: int) -> None:
    documents = [encode(signal) for signal in signals] + [b"not JSON"]
    reliable = open_plane(Path(tempfile.mkdtemp()))
    reliable.ingest.accept(documents, "test", 0)
    planes = workers(Path(tempfile.mkdtemp()))
    bus = asyncio.run(deliver(planes, documents, seed))
    assert bus.dead == []
    assert_same(reliable, planes[0])
    held, counts = event_log.stored_counts(planes[0].engine), read_totals(planes[0].engine)
    assert held == event_log.stored_counts(reliable.engine) == (counts.accepted, counts.quarantined)
    assert counts.received == counts.accepted + counts.duplicates + counts.quarantined
    for plane in (reliable, *planes):
        plane.engine.dispose()


def workers(folder: Path) -> list[Plane]:
    """Several on one database, and one online store."""
    planes = [open_plane(folder) for _ in range(WORKERS)]
    for plane in planes[1:]:
        plane.ingest = Ingest(plane.signals, READER, planes[0].writer, SystemClock())
    return planes
