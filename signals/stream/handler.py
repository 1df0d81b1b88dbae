"""What a worker does with a batch from the bus, whatever the bus: commit, settle, push.

At least once: a message is settled after its transaction. Nothing further of a partition is taken
while its batch is committed or pushed, so a slow database or online store slows the intake, and
memory holds one batch a partition.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

from domain.ports import NullObserver, Observer
from domain.signals import Counts
from signals.store.quarantine import Rejected
from signals.stream.group_commit import AWAY, Delivery, StreamGroupCommit

SUSPECT = 2
"""A batch that holds a message delivered more often than this is committed one by one, so that a
message that kills its worker takes no other with it."""

LONGEST_WAIT_S = 5.0
log = logging.getLogger("leadscore.stream")


class Sink(Protocol):
    """What the handler needs of the way in: `signals.ingest.ingest.Ingest`."""

    def commit(
        self,
        documents: Sequence[tuple[int, bytes]],
        origin: str,
        rejected: Sequence[Rejected] = (),
    ) -> Counts:
        """Commit (line, document) pairs, and rows that a mapping rejected, in one transaction."""
        ...

    def push(self) -> None:
        """Push announced states online until none is left."""
        ...


class Bus(Protocol):
    """What the handler needs of the bus, for the batch in hand."""

    def mine(self) -> bool:
        """Whether the batch's partition is still this worker's."""
        ...

    async def settle(self, places: Sequence[int]) -> None:
        """Messages are done with and never delivered again."""
        ...

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """Put a message on the dead-letter path; returns once the bus has it."""
        ...


@dataclass(slots=True)
class MessageCounts:
    """Other counts of messages since the worker started, beside `StreamGroupCommit.counts`."""

    redelivered: int = 0
    waits: int = 0
    pushes: int = 0
    push_s: float = 0.0
    dead: Counter[str] = field(default_factory=Counter)


class Handler:
    """Handles batches. `stopping` ends waits: unsettled messages are delivered again.

    `deliveries`: a message delivered more often is a dead letter. `timer` is a monotonic clock.
    `watch` observes each batch, with the traces that its messages come from.
    """

    def __init__(
        self,
        sink: Sink,
        stopping: asyncio.Event,
        timer: Callable[[], float],
        deliveries: int = 5,
        first_wait_s: float = 0.1,
        watch: Observer | None = None,
    ) -> None:
        self.tally = MessageCounts()
        self.commits = StreamGroupCommit(sink.commit, timer)
        self._push_all = sink.push
        self._stopping = stopping
        self._timer = timer
        self._deliveries = deliveries
        self._first_wait_s = first_wait_s
        self._watch = watch or NullObserver()
        self._pushing = asyncio.Lock()
        self._pushed = 0

    @property
    def steps(self) -> int:
        """Transactions and dead letters so far: more of them, and something was done."""
        return self.commits.transactions + self.tally.dead.total()

    async def handle(self, batch: Sequence[Delivery], origin: str, bus: Bus) -> None:
        """Commit, settle and push a batch.

        `origin` names the documents in quarantine that do not name their file.
        """
        with self._watch.stage("batch", [d.trace for d in batch if d.trace]):
            await self._handle(batch, origin, bus)

    async def _handle(self, batch: Sequence[Delivery], origin: str, bus: Bus) -> None:
        self.tally.redelivered += sum(d.deliveries > 1 for d in batch)
        kept = []
        for delivery in batch:
            if delivery.deliveries > self._deliveries:
                await self._bury(delivery, "redelivered-too-often", bus)
            else:
                kept.append(delivery)
        one_by_one = any(d.deliveries > SUSPECT for d in kept)
        groups = [list(group) for _, group in groupby(kept, key=lambda d: d.origin)]
        for group in [[d] for d in kept] if one_by_one else groups:
            with self._watch.stage("ingest"):
                done = await self._take(group, group[0].origin or origin, bus)
            if not done:
                return
        with self._watch.stage("push"):
            await self._push()

    async def _take(self, group: Sequence[Delivery], origin: str, bus: Bus) -> bool:
        """Commit and settle, or bury; False where the group must be delivered again."""
        try:
            committed = await self._commit(group, origin, bus)
        except Exception as bad:
            return await self._fail(group, origin, bus, type(bad).__name__)
        if committed:
            await bus.settle([d.place for d in group])
        return committed

    async def _fail(self, group: Sequence[Delivery], origin: str, bus: Bus, why: str) -> bool:
        """Find the message that cannot be committed, and bury it."""
        if len(group) == 1:
            log.warning("%s/%d is a dead letter: %s", origin, group[0].place, why)
            await self._bury(group[0], why, bus)
            return True
        log.warning("%s: a batch of %d fails: %s", origin, len(group), why)
        for delivery in group:
            if not await self._take([delivery], origin, bus):
                return False
        return True

    async def _commit(self, group: Sequence[Delivery], origin: str, bus: Bus) -> bool:
        """Commit; waits while the database is away. False where the worker stopped first."""

        def wanted() -> bool:
            return bus.mine() and not self._stopping.is_set()

        return await self._patiently(lambda: self.commits.commit(group, origin, wanted), wanted)

    async def _push(self) -> None:
        """Push until all commits before are online; one push serves all waiting batches."""
        wanted = self.commits.transactions

        async def once() -> bool:
            async with self._pushing:
                if self._pushed < wanted:
                    await self.flush()
            return True

        await self._patiently(once, lambda: not self._stopping.is_set())

    async def flush(self) -> None:
        """Push what is announced. Raises Unavailable."""
        covers, began = self.commits.transactions, self._timer()
        if covers > self._pushed:
            await asyncio.to_thread(self._push_all)
            self.tally.push_s += self._timer() - began
            self.tally.pushes += 1
            self._pushed = covers

    async def _patiently(
        self, once: Callable[[], Awaitable[bool]], go_on: Callable[[], bool]
    ) -> bool:
        """Retry with backoff while a dependency is unavailable; re-raise other errors.

        Its result, or False where `go_on` says so first.
        """
        wait = self._first_wait_s
        while go_on():
            try:
                return await once()
            except AWAY as away:
                self.tally.waits += 1
                log.warning("waiting %.1f s: %s", wait, type(away).__name__)
                await pause(self._stopping, wait)
                wait = min(2 * wait, LONGEST_WAIT_S)
        return False

    async def _bury(self, delivery: Delivery, reason: str, bus: Bus) -> None:
        await bus.bury(delivery, reason)
        await bus.settle([delivery.place])
        self.tally.dead[reason] += 1


async def pause(stopping: asyncio.Event, seconds: float) -> bool:
    """Wait for so long, or until the worker stops; returns whether it stops."""
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return False
    return True
