"""Signals over NATS JetStream: one subject and one durable consumer a partition, by FastStream.

The stream is a work queue: a settled message leaves it, so what it holds is what is pending. How
many partitions there are stands in the stream itself, where publishers and workers find it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.message import NatsBatchMessage
from faststream.nats.subscriber.usecases import BatchPullStreamSubscriber
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, ConsumerInfo, DiscardPolicy, RetentionPolicy, StreamConfig
from nats.js.errors import NotFoundError

from domain.errors import BadInput, Unavailable
from signals.stream.group_commit import Outgoing
from signals.stream.handler import Handler, pause
from signals.stream.leases import Leases
from signals.stream.nats_batches import (
    DEAD_SUBJECT,
    NatsBatch,
    PatientSubscription,
    as_it_came,
    buffered,
)
from signals.stream.nats_lease_table import open_table
from signals.stream.options import StreamOptions
from signals.stream.partitioning import key_of, partition_of

STREAM, DEAD, BUCKET = "leadscore", "leadscore_dead", "leadscore_leases"
SUBJECT = "leadscore.events"
log = logging.getLogger("leadscore.stream")
PUBLISHED_AT_ONCE = 1000
"""Messages on their way at the same time; the bus has confirmed all before the next are sent."""

ORIGIN = "nats"
"""How quarantine names documents from this bus."""

_CONNECT_S = 5


@dataclass(frozen=True, slots=True)
class NatsBus:
    """A connection, as FastStream's broker and as JetStream."""

    broker: NatsBroker
    jetstream: JetStreamContext


async def connect(url: str, options: StreamOptions) -> NatsBus:
    """A started broker whose streams exist. Raises Unavailable."""
    await _reachable(url)
    broker = NatsBroker(
        url,
        apply_types=False,
        logger=None,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        connect_timeout=_CONNECT_S,
        graceful_timeout=options.graceful_s,
        error_cb=_log_error,
    )
    try:
        await broker.start()
        jetstream = broker.connection.jetstream()
        await _ensure(jetstream, STREAM, [f"{SUBJECT}.{n}" for n in range(options.partitions)])
        await _ensure(jetstream, DEAD, [DEAD_SUBJECT])
    except (NatsError, OSError, TimeoutError) as bad:
        raise _unavailable(bad) from bad
    return NatsBus(broker, jetstream)


async def publish(bus: NatsBus, documents: Iterable[Outgoing]) -> int:
    """Put documents on the bus in this order, each on its partition; how many. Raises Unavailable.

    Raises BadInput where one is longer than the bus takes: those before it are on the bus.
    """
    jetstream, sent = bus.jetstream, 0
    flying: list[asyncio.Future[Any]] = []
    try:
        partitions = await partitions_of(jetstream)
        for document in documents:
            body, about = document.body, document.headers()
            if len(body) > StreamOptions.longest:
                await asyncio.gather(*flying)
                raise _too_long(document)
            subject = f"{SUBJECT}.{partition_of(key_of(body), partitions)}"
            flying.append(await jetstream.publish_async(subject, body, headers=about or None))
            sent += 1
            if len(flying) >= PUBLISHED_AT_ONCE:
                await asyncio.gather(*flying)
                flying.clear()
        await asyncio.gather(*flying)
    except (NatsError, OSError, TimeoutError) as bad:
        raise _unavailable(bad) from bad
    return sent


async def close(bus: NatsBus) -> None:
    """Let go of the bus, also of one that is away."""
    try:
        await bus.broker.stop()
    except (NatsError, OSError, TimeoutError) as bad:
        log.warning(
            "the bus does not answer while the connection is closed: %s", type(bad).__name__
        )


def _too_long(document: Outgoing) -> BadInput:
    longest = StreamOptions.longest
    return BadInput(
        f"a document has {len(document.body):,} bytes, a message may have {longest:,}",
        rule="message-size",
        where=f"{document.origin}, line {document.line}" if document.origin else "",
        todo="Those before it are on the bus. `leadscore ingest` takes longer ones from files.",
    )


class NatsWorker:
    """Reads the partitions that it holds leases for, and hands their batches to a handler."""

    def __init__(
        self,
        bus: NatsBus,
        handler: Handler,
        options: StreamOptions,
        worker: str,
        timer: Callable[[], float],
    ) -> None:
        self._broker = bus.broker
        self._jetstream = bus.jetstream
        self._handler = handler
        self._options = options
        self._worker = worker
        self._timer = timer
        self._reading: dict[int, BatchPullStreamSubscriber] = {}
        self._leaving: dict[int, asyncio.Task[None]] = {}
        self._sizes: dict[int, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Read until told to stop; the batches in hand are finished. Raises Unavailable."""
        try:
            self._partitions = partitions = await partitions_of(self._jetstream)
            table = await open_table(self._jetstream, BUCKET, self._options.lease_s)
        except (NatsError, OSError, TimeoutError) as bad:
            raise _unavailable(bad) from bad
        self._leases = Leases(table, self._worker, partitions, self._options.lease_s, self._timer)
        warned = False
        while not warned:
            for partition in await self._leases.tick():
                self._leave(partition)
            await self._follow()
            warned = await pause(stopping, self._options.lease_s / 4)
        await asyncio.gather(*self._leaving.values())
        await asyncio.gather(*(self._end(partition) for partition in list(self._reading)))
        await self._leases.leave()

    @property
    def reading(self) -> set[int]:
        """The partitions that are read now."""
        return {p for p, subscriber in self._reading.items() if subscriber.running}

    async def pending(self) -> int:
        """Messages that no worker has settled."""
        state = (await self._jetstream.stream_info(STREAM)).state
        return state.messages

    async def oldest_s(self) -> float:
        """The age of the oldest message that no worker has settled, in seconds; 0 without one."""
        state = (await self._jetstream.stream_info(STREAM)).state
        if not state.messages:
            return 0.0
        try:
            first = await self._jetstream.get_msg(STREAM, state.first_seq)
        except NotFoundError:
            return 0.0
        return (datetime.now(UTC) - first.time).total_seconds() if first.time else 0.0

    async def _follow(self) -> None:
        """Begin to read the leased partitions, and stop reading those that were lost."""
        for partition in set(self._reading) - self._leases.leased:
            self._leave(partition)
        for partition in self._leases.leased - set(self._reading) - set(self._leaving):
            try:
                await self._begin(partition)
            except (NatsError, OSError, TimeoutError) as bad:
                log.warning("partition %d cannot be read yet: %s", partition, type(bad).__name__)
        await self._share_room()

    async def _share_room(self) -> None:
        """Let batches grow where few partitions are held, and shrink before there are many."""
        size = self._options.batch_of(len(self._reading), self._partitions)
        for partition in [p for p in self._reading if self._sizes.get(p) != size]:
            try:
                self._sizes[partition] = min(size, self._sizes.get(partition, size))
                await self._consumer(partition, size)
                self._sizes[partition] = size
            except (NatsError, OSError, TimeoutError) as bad:
                log.warning("partition %d keeps its batches: %s", partition, type(bad).__name__)

    async def _consumer(self, partition: int, size: int) -> ConsumerInfo:
        """Make the partition's consumer, or let it hand out so many messages at once."""
        config = ConsumerConfig(
            durable_name=f"partition_{partition}",
            filter_subject=f"{SUBJECT}.{partition}",
            ack_wait=self._options.lease_s,
            max_ack_pending=size,
        )
        return await self._jetstream.add_consumer(STREAM, config)

    async def _begin(self, partition: int) -> None:
        durable, subject = f"partition_{partition}", f"{SUBJECT}.{partition}"
        self._sizes[partition] = self._options.batch
        info = await self._consumer(partition, self._options.batch)
        subscriber = self._subscriber(partition, durable, subject)
        self._reading[partition] = subscriber
        # what a worker that died had in hand comes first, and in order, once its time is up
        patience = self._options.lease_s + 0.5 if info.num_ack_pending else 0.0
        task = asyncio.create_task(self._start(partition, subscriber, patience))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(
        self, partition: int, subscriber: BatchPullStreamSubscriber, patience: float
    ) -> None:
        await asyncio.sleep(patience)
        if self._reading.get(partition) is subscriber and self._leases.holds(partition):
            try:
                await subscriber.start()
            except (NatsError, OSError, TimeoutError) as bad:
                log.warning("partition %d cannot be read yet: %s", partition, type(bad).__name__)
                del self._reading[partition]  # it is held: the next look begins anew
                return
            if subscriber.subscription is not None:
                size = partial(self._sizes.__getitem__, partition)
                subscriber.subscription = PatientSubscription(subscriber.subscription, size)

    def _subscriber(self, partition: int, durable: str, subject: str) -> BatchPullStreamSubscriber:
        subscriber = self._broker.subscriber(
            subject,
            durable=durable,
            stream=JStream(STREAM, declare=False),
            pull_sub=PullSub(
                batch_size=self._options.batch, timeout=self._options.linger_s, batch=True
            ),
            ack_policy=AckPolicy.MANUAL,
            decoder=as_it_came,
            persistent=False,
        )

        async def take(message: NatsBatchMessage) -> None:
            late = await buffered(subscriber.subscription)
            await self._take(partition, [*message.raw_message, *late])

        subscriber(take)
        return subscriber

    async def _take(self, partition: int, messages: list[Msg]) -> None:
        batch = NatsBatch(self._jetstream, messages, lambda: self._leases.holds(partition))
        beat = asyncio.create_task(batch.keep(self._options.lease_s / 4))
        try:
            await self._handler.handle(batch.deliveries, ORIGIN, batch)
        finally:
            beat.cancel()
            await batch.leave()

    def _leave(self, partition: int) -> None:
        """Begin to hand a partition over: that waits for its batch, and all leases are renewed."""
        if partition not in self._leaving:
            self._leaving[partition] = asyncio.create_task(self._hand_over(partition))

    async def _hand_over(self, partition: int) -> None:
        try:
            await self._end(partition)
            await self._leases.give_back(partition)
        finally:
            del self._leaving[partition]

    async def _end(self, partition: int) -> None:
        subscriber = self._reading.pop(partition, None)
        if subscriber is not None and subscriber.running:
            try:
                await subscriber.stop()
            except (NatsError, OSError, TimeoutError) as bad:
                log.warning("partition %d: %s while leaving", partition, type(bad).__name__)


async def partitions_of(jetstream: JetStreamContext) -> int:
    """How many partitions the stream has."""
    return len((await jetstream.stream_info(STREAM)).config.subjects or [])


async def _ensure(jetstream: JetStreamContext, name: str, subjects: list[str]) -> None:
    """Make a stream where it is not there; one that is there keeps its partitions."""
    try:
        await jetstream.stream_info(name)
    except NotFoundError:
        await jetstream.add_stream(
            StreamConfig(
                name=name,
                subjects=subjects,
                retention=RetentionPolicy.WORK_QUEUE if name == STREAM else RetentionPolicy.LIMITS,
                discard=DiscardPolicy.NEW,
                max_msg_size=StreamOptions.longest if name == STREAM else -1,
            )
        )


async def _log_error(bad: Exception) -> None:
    log.warning("bus: %s", type(bad).__name__)


async def _reachable(url: str) -> None:
    """Raise Unavailable unless something listens: the client itself would try for ever."""
    parsed = urlsplit(url)
    try:
        _, writer = await asyncio.wait_for(
            asyncio.open_connection(parsed.hostname, parsed.port or 4222), _CONNECT_S
        )
        writer.close()
    except (OSError, TimeoutError) as bad:
        raise _unavailable(bad) from bad


def _unavailable(bad: Exception) -> Unavailable:
    return Unavailable(
        f"the bus does not answer: {type(bad).__name__}",
        rule="bus-reachable",
        where="LEADSCORE_BUS",
        todo="Is the server running, with JetStream enabled (`nats-server -js`)?",
    )
