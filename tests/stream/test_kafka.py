"""The Kafka side, on FastStream's broker in memory: the same handler, acknowledged as a whole.

There is no broker in Debian's packages: partitions, groups and redelivery are Kafka's own and are
not tested here.
"""

import asyncio
import time
from collections.abc import Sequence

from faststream.kafka import KafkaBroker, TestKafkaBroker
from faststream.kafka.message import KafkaMessage

from signals.stream.group_commit import Outgoing
from signals.stream.handler import Handler
from signals.stream.headers import NO_LINE
from signals.stream.kafka import DEAD_TOPIC, TOPIC, KafkaWorker, make_broker, publish
from signals.stream.options import StreamOptions
from tests.stream.buses import RecordingSink, document, until


class Kafka:
    """A broker in memory with a worker, and what went to the dead-letter topic."""

    def __init__(self, sink: RecordingSink) -> None:
        options = StreamOptions()
        self.broker: KafkaBroker = make_broker("kafka://one:9092,two:9092", options)
        self.stopping = asyncio.Event()
        self.handler = Handler(sink, self.stopping, time.monotonic, first_wait_s=0.01)
        self.worker = KafkaWorker(self.broker, self.handler, options, time.time)
        self.dead: list[tuple[bytes, str]] = []
        self.answers: list[str] = []

        @self.broker.subscriber(DEAD_TOPIC, decoder=_as_it_came)
        async def bury(message: KafkaMessage) -> None:
            record = message.raw_message
            assert not isinstance(record, tuple)
            headers = dict(record.headers)
            self.dead.append((record.value or b"", headers["Leadscore-Reason"].decode()))

    async def batch(self, documents: Sequence[bytes]) -> None:
        await self.broker.publish_batch(*documents, topic=TOPIC)


async def _as_it_came(message: KafkaMessage) -> KafkaMessage:
    return message


def test_documents_are_committed_in_order_and_batch_by_batch() -> None:
    async def run() -> None:
        sink = RecordingSink()
        kafka = Kafka(sink)
        async with TestKafkaBroker(kafka.broker):
            await kafka.batch([document(n) for n in range(30)])
            await kafka.batch([b"\xff not JSON", *(document(n) for n in range(30, 40))])
        assert sink.sizes == [30, 11]
        assert sink.pushes == 2
        assert sink.taken[30] == b"\xff not JSON"
        assert [b for b in sink.taken if b[0] != 0xFF] == [document(n) for n in range(40)]
        assert kafka.dead == []

    asyncio.run(run())


def test_publishing_keys_by_lead_and_keeps_the_order() -> None:
    async def run() -> None:
        sink = RecordingSink()
        kafka = Kafka(sink)
        async with TestKafkaBroker(kafka.broker):
            # the broker in memory gives no future to wait for
            outgoing = [Outgoing(document(n), "ä b.jsonl", n) for n in range(5)]
            sent = await publish(kafka.broker, [*outgoing, Outgoing(b"from no file")])
        assert sent == 6
        assert sink.taken == [*(document(n) for n in range(5)), b"from no file"]
        assert sink.places == [*(("ä b.jsonl", n) for n in range(5)), ("kafka-0", NO_LINE)]

    asyncio.run(run())


def test_what_cannot_be_committed_is_a_dead_letter() -> None:
    async def run() -> None:
        sink = RecordingSink()
        sink.poison = b'"e3"'
        kafka = Kafka(sink)
        async with TestKafkaBroker(kafka.broker):
            await kafka.batch([document(n) for n in range(6)])
        assert kafka.dead == [(document(3), "RuntimeError")]
        assert sink.taken == [document(n) for n in (0, 1, 2, 4, 5)]
        assert kafka.handler.tally.dead == {"RuntimeError": 1}

    asyncio.run(run())


def test_an_absent_database_is_waited_for_and_a_stop_ends_the_wait() -> None:
    async def run() -> None:
        sink = RecordingSink()
        sink.away = True
        kafka = Kafka(sink)
        async with TestKafkaBroker(kafka.broker):
            sending = asyncio.create_task(kafka.batch([document(1)]))
            await until(lambda: kafka.handler.tally.waits >= 2)
            sink.away = False
            await sending
            assert sink.taken == [document(1)]
            sink.away = True
            waits = kafka.handler.tally.waits
            sending = asyncio.create_task(kafka.batch([document(2)]))
            await until(lambda: kafka.handler.tally.waits > waits)
            kafka.stopping.set()
            await asyncio.wait_for(sending, 5)
        assert sink.taken == [document(1)]

    asyncio.run(run())
