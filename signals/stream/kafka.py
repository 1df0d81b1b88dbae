"""Signals over Kafka, by FastStream: the consumer group gives each partition to one worker.

Kafka counts no deliveries: a message that fails is tried alone and buried by its error, but one
that kills its worker again and again is not told from those beside it.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage

from domain.errors import Unavailable
from signals.stream.group_commit import Delivery, Outgoing
from signals.stream.handler import Handler
from signals.stream.headers import Whence, whence
from signals.stream.options import StreamOptions
from signals.stream.partitioning import key_of

TOPIC, DEAD_TOPIC = "leadscore.events", "leadscore.dead"
log = logging.getLogger("leadscore.stream")
PUBLISHED_AT_ONCE = 1000


def make_broker(url: str, options: StreamOptions) -> KafkaBroker:
    """A broker, not started, for `kafka://host:port,host:port`."""
    servers = url.removeprefix("kafka://").rstrip("/").split(",")
    return KafkaBroker(servers, apply_types=False, logger=None, graceful_timeout=options.graceful_s)


async def start(broker: KafkaBroker) -> None:
    """Connect. Raises Unavailable."""
    try:
        await broker.start()
    except (KafkaError, OSError, socket.gaierror) as bad:
        raise Unavailable(
            f"the bus does not answer: {type(bad).__name__}",
            rule="bus-reachable",
            where="LEADSCORE_BUS",
        ) from bad


async def publish(broker: KafkaBroker, documents: Iterable[Outgoing]) -> int:
    """Put documents on the topic in this order, keyed; how many. The topic must exist."""
    sent = 0
    flying: list[asyncio.Future[Any]] = []
    for document in documents:
        body, about = document.body, document.headers()
        key = key_of(body).encode()
        confirmed = await broker.publish(body, TOPIC, key=key, headers=about, no_confirm=True)
        if isinstance(confirmed, asyncio.Future):
            flying.append(confirmed)
        sent += 1
        if len(flying) >= PUBLISHED_AT_ONCE:
            await asyncio.gather(*flying)
            flying.clear()
    await asyncio.gather(*flying)
    return sent


class KafkaWorker:
    """Subscribes a handler to the topic; the broker is started by `run`."""

    def __init__(
        self,
        broker: KafkaBroker,
        handler: Handler,
        options: StreamOptions,
        clock_s: Callable[[], float],
    ) -> None:
        self._broker = broker
        self._handler = handler
        self._clock_s = clock_s
        self._newest_s = 0.0
        self._subscriber = broker.subscriber(
            TOPIC,
            batch=True,
            max_records=options.batch,
            batch_timeout_ms=int(1000 * options.linger_s),
            group_id=options.group,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            decoder=_as_it_came,
        )
        self._subscriber(self.take)

    async def run(self, stopping: asyncio.Event) -> None:
        """Read until told to stop; the batch in hand is finished."""
        await start(self._broker)
        await stopping.wait()
        await self._broker.stop()

    async def pending(self) -> int:
        """Messages after this worker's place, over its partitions."""
        consumer: AIOKafkaConsumer | None = self._subscriber.consumer
        if consumer is None or not consumer.assignment():
            return 1
        ends = await consumer.end_offsets(list(consumer.assignment()))
        places = {tp: await consumer.committed(tp) or 0 for tp in ends}
        return sum(max(0, end - places[tp]) for tp, end in ends.items())

    async def oldest_s(self) -> float:
        """The age of the newest message taken while others wait, in seconds; 0 where none do."""
        waits = await self.pending() and self._newest_s
        return max(0.0, self._clock_s() - self._newest_s) if waits else 0.0

    async def take(self, message: KafkaMessage) -> None:
        """Handle one batch; it is acknowledged whole, or comes again whole."""
        raw = message.raw_message
        records = list(raw) if isinstance(raw, tuple | list) else [raw]
        settled = 0
        for partition, group in groupby(records, key=lambda r: r.partition):
            batch = _Batch(self._broker)
            deliveries = [Delivery(r.value or b"", r.offset, 1, *_whence(r)) for r in group]
            await self._handler.handle(deliveries, f"kafka-{partition}", batch)
            settled += batch.settled
        self._newest_s = _newest_s(records)
        if settled == len(records):  # less only when told to stop: the next worker reads it again
            await message.ack()


class _Batch:
    """Satisfies `signals.stream.handler.Bus` for the records of one partition in a batch."""

    def __init__(self, broker: KafkaBroker) -> None:
        self._broker = broker
        self.settled = 0

    def mine(self) -> bool:
        """True: a partition taken away meanwhile is read twice; its events are duplicates then."""
        return True

    async def settle(self, places: Sequence[int]) -> None:
        """Count; the batch is acknowledged as a whole."""
        self.settled += len(places)

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """Put a message on the dead-letter topic, with why."""
        about = {"Leadscore-Reason": reason, "Leadscore-Sequence": str(delivery.place)}
        await self._broker.publish(delivery.body, DEAD_TOPIC, headers=about)


def _whence(record: "ConsumerRecord[bytes, bytes]") -> Whence:
    return whence({name: value.decode("ascii", "replace") for name, value in record.headers})


def _newest_s(records: "Sequence[ConsumerRecord[bytes, bytes]]") -> float:
    return max((r.timestamp or 0) / 1000 for r in records)


async def _as_it_came(message: KafkaMessage) -> KafkaMessage:
    return message
