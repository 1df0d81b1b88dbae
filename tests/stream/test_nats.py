"""The stream over a real NATS server: order, sharing, retries, dead letters, restarts."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from nats.js.kv import KeyValue

from domain.signals import Counts
from signals.store.quarantine import Rejected
from signals.stream import nats
from signals.stream.group_commit import Outgoing
from signals.stream.leases import TableError
from signals.stream.nats_batches import DEAD_SUBJECT
from signals.stream.nats_lease_table import NatsTable, open_table
from signals.stream.partitioning import key_of, partition_of
from tests.servers import Process
from tests.stream.buses import (
    FAST,
    RecordingSink,
    document,
    publish,
    until,
    until_settled,
    working,
)
from tests.waiting import PATIENCE_S

PEOPLE = [f"person{i}" for i in range(12)]
OUTAGE_S = 2 * FAST.lease_s
"""So long something is away: leases must outlast it, or be taken anew."""


def url_of(server: Process) -> str:
    return f"nats://127.0.0.1:{server.port}"


def shuffled_documents(rounds: int) -> list[bytes]:
    """Everybody's events in rounds: each person's are numbered upwards."""
    return [
        document(r * len(PEOPLE) + i, person)
        for r in range(rounds)
        for i, person in enumerate(PEOPLE)
    ]


async def dead_letters(url: str) -> list[tuple[bytes, dict[str, str]]]:
    bus = await nats.connect(url, FAST)
    found = []
    try:
        info = await bus.jetstream.stream_info(nats.DEAD)
        for sequence in range(1, info.state.last_seq + 1):
            held = await bus.jetstream.get_msg(nats.DEAD, sequence)
            assert held.subject == DEAD_SUBJECT
            found.append((held.data or b"", held.headers or {}))
    except NotFoundError:
        pass
    finally:
        await bus.broker.stop()
    return found


def test_a_leads_events_keep_their_order_and_batches_are_bounded(own_nats: Process) -> None:
    async def run() -> None:
        sink, url = RecordingSink(), url_of(own_nats)
        await publish(url, shuffled_documents(100))
        async with working(url, sink) as running:
            await until(lambda: len(sink.taken) >= 1200)
            await until_settled(running)
            assert await running.worker.oldest_s() == 0
        for person in PEOPLE:
            assert sink.numbers(person) == sorted(set(sink.numbers(person)))
            assert len(sink.numbers(person)) == 100
        assert max(sink.sizes) <= FAST.batch * FAST.partitions
        assert running.handler.tally.redelivered == 0

    asyncio.run(run())


def test_two_workers_share_the_partitions_and_keep_the_order(own_nats: Process) -> None:
    async def run() -> None:
        sink, url = RecordingSink(delay_s=0.01), url_of(own_nats)
        other = RecordingSink(delay_s=0.01)
        other.taken = sink.taken  # one list: the order over both workers
        async with working(url, sink) as one, working(url, other) as two:
            await until(lambda: len(one.worker.reading) == len(two.worker.reading) == 2)
            assert not one.worker.reading & two.worker.reading
            await publish(url, shuffled_documents(100))
            await until(lambda: len(sink.taken) >= 1200)
        assert sink.sizes
        assert other.sizes
        for person in PEOPLE:
            assert sink.numbers(person) == sorted(set(sink.numbers(person)))

    asyncio.run(run())


def test_batches_grow_where_workers_share_and_shrink_where_one_holds_all(
    own_nats: Process,
) -> None:
    async def run() -> None:
        url, sinks = url_of(own_nats), [RecordingSink() for _ in range(2)]
        bus = await nats.connect(url, FAST)

        async def bounds_are(size: int) -> None:
            async with asyncio.timeout(PATIENCE_S):
                while await at_once(bus.jetstream) != {size}:
                    await asyncio.sleep(0.02)

        async with working(url, sinks[0]):
            await bounds_are(FAST.batch)
            async with working(url, sinks[1]):
                await bounds_are(2 * FAST.batch)
                await publish(url, shuffled_documents(100))
                await until(lambda: sum(len(sink.taken) for sink in sinks) >= 1200)
            await bounds_are(FAST.batch)
        await bus.broker.stop()
        assert FAST.batch_of(1, 64) == 4 * FAST.batch
        assert max(map(max, (sink.sizes for sink in sinks))) <= FAST.batch * FAST.partitions

    asyncio.run(run())


async def at_once(jetstream: JetStreamContext) -> set[int]:
    """How many messages each partition's consumer hands out before one is settled."""
    try:
        consumers = await jetstream.consumers_info(nats.STREAM)
    except NotFoundError:
        return set()
    bounds = {one.config.max_ack_pending or 0 for one in consumers}
    return bounds if len(consumers) == FAST.partitions else set()


def test_a_worker_that_leaves_hands_over_at_once(own_nats: Process) -> None:
    async def run() -> None:
        sink, url = RecordingSink(), url_of(own_nats)
        patient = msgspec.structs.replace(FAST, lease_s=60.0)
        async with working(url, sink, patient) as one:
            await until(lambda: len(one.worker.reading) == FAST.partitions)
        async with working(url, sink, patient) as two:
            await until(lambda: len(two.worker.reading) == FAST.partitions, patient.lease_s / 2)
            await publish(url, shuffled_documents(3))
            await until(lambda: len(sink.taken) == 36)

    asyncio.run(run())


def test_a_batch_that_takes_long_keeps_no_other_partition_and_no_lease_waiting(
    own_nats: Process,
) -> None:
    async def run() -> None:
        sink, url, busy = HeldSink(), url_of(own_nats), FAST.partitions - 2
        person = next(f"p{i}" for i in range(1000) if of_partition(document(0, f"p{i}"), busy))
        patient = msgspec.structs.replace(FAST, graceful_s=60)
        other = RecordingSink()
        async with working(url, sink, patient) as one:
            await until(lambda: len(one.worker.reading) == FAST.partitions)
            await publish(url, [document(n, person) for n in range(FAST.batch)])
            try:
                await until(sink.entered.is_set)
                async with working(url, other, patient) as two:
                    await until(lambda: two.worker.reading == {busy + 1})
                    assert one.worker.reading == set(range(busy))
                    sink.go_on.set()
                    await until(lambda: two.worker.reading == {busy, busy + 1})
                    # what had not come yet when that batch was fetched is the other's
                    taken = (sink, other)
                    await until(lambda: sum(len(s.numbers(person)) for s in taken) == FAST.batch)
            finally:
                sink.go_on.set()
        assert sink.numbers(person) + other.numbers(person) == list(range(FAST.batch))
        assert one.handler.tally.redelivered == 0

    asyncio.run(run())


class HeldSink(RecordingSink):
    """A sink whose commits wait until they may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.go_on = threading.Event(), threading.Event()

    def commit(
        self,
        documents: Sequence[tuple[int, bytes]],
        origin: str,
        rejected: Sequence[Rejected] = (),
    ) -> Counts:
        self.entered.set()
        assert self.go_on.wait(60)
        return super().commit(documents, origin, rejected)


def of_partition(body: bytes, partition: int) -> bool:
    return partition_of(key_of(body), FAST.partitions) == partition


def test_what_cannot_be_committed_is_a_dead_letter_and_the_rest_goes_on(own_nats: Process) -> None:
    async def run() -> None:
        sink, url = RecordingSink(), url_of(own_nats)
        sink.poison = b'"e7"'
        documents = [document(n) for n in range(20)]
        await publish(url, documents)
        async with working(url, sink) as running:
            await until(lambda: len(sink.taken) == 19)
            await until(lambda: running.handler.tally.dead == {"RuntimeError": 1})
            await until_settled(running)
        [(body, about)] = await dead_letters(url)
        assert body == documents[7]
        assert about["Leadscore-Reason"] == "RuntimeError"
        assert about["Leadscore-Sequence"] == "8"
        assert sink.taken == documents[:7] + documents[8:]

    asyncio.run(run())


def test_a_message_that_comes_again_too_often_is_a_dead_letter(own_nats: Process) -> None:
    """As if it killed its worker each time: it is never settled, and comes alone in the end."""

    async def run() -> None:
        sink, url = RecordingSink(), url_of(own_nats)
        sink.away = True  # never committed, never settled
        await publish(url, [document(1)])
        workers, dead = 0, False
        while not dead:  # each gets it once more, at least, and leaves it
            workers += 1
            async with working(url, sink, deliveries=2) as running:
                tally = running.handler.tally
                await until(lambda t=tally: bool(t.waits or t.dead))  # type: ignore[misc]
            dead = tally.dead == {"redelivered-too-often": 1}
            assert workers < 60  # a server before 2.10 says now and then that it is the first time
        assert workers >= 2
        [(body, about)] = await dead_letters(url)
        assert body == document(1)
        assert int(about["Leadscore-Deliveries"]) > 2
        assert not sink.taken

    asyncio.run(run())


def test_single_messages_arrive_at_once_and_once(own_nats: Process) -> None:
    """Nothing is lost between two requests of a pull, to come again after the lease."""

    async def run() -> None:
        sink, url = RecordingSink(), url_of(own_nats)
        bus = await nats.connect(url, FAST)
        async with working(url, sink) as running:
            await until(lambda: len(running.worker.reading) == FAST.partitions)
            for number in range(60):
                await nats.publish(bus, [Outgoing(document(number, f"person{number}"))])
                await until(lambda n=number: len(sink.taken) > n)  # type: ignore[misc]
                await asyncio.sleep(0.001 * (7 * number % 50))
            assert running.handler.tally.redelivered == 0
        await bus.broker.stop()

    asyncio.run(run())


def test_documents_say_what_file_and_line_they_are_from(own_nats: Process) -> None:
    async def run() -> None:
        sink, url = RecordingSink(), url_of(own_nats)
        bus = await nats.connect(url, FAST)
        one, other = "Mai \u2028 ä.jsonl", "June.csv"
        await nats.publish(
            bus, [*(Outgoing(document(n), (one, other)[n > 2], n) for n in range(6))]
        )
        await nats.publish(bus, [Outgoing(document(6))])
        async with working(url, sink):
            await until(lambda: len(sink.taken) == 7)
        assert sink.places[:3] == [(one, 0), (one, 1), (one, 2)]
        assert sink.places[3:] == [(other, 3), (other, 4), (other, 5), (nats.ORIGIN, 0)]
        await bus.broker.stop()

    asyncio.run(run())


def test_nothing_is_pulled_while_the_database_or_the_online_store_is_away(
    own_nats: Process,
) -> None:
    async def run() -> None:
        sink, url = RecordingSink(), url_of(own_nats)
        sink.away = True
        await publish(url, [document(n) for n in range(200)])  # one lead, one partition
        async with working(url, sink) as running:
            await until(lambda: running.handler.tally.waits > 3)
            assert not sink.taken
            sink.away, sink.offline = False, True
            await until(lambda: len(sink.taken) == FAST.batch)
            await asyncio.sleep(OUTAGE_S)
            assert len(sink.taken) == FAST.batch
            sink.offline = False
            await until(lambda: len(sink.taken) == 200)
            assert sink.numbers("ann") == list(range(200))
            assert running.handler.tally.dead == {}

    asyncio.run(run())


class Forgetful:
    """A bucket whose list never comes to its end, as where entries expire while they are listed."""

    def __init__(self, bucket: KeyValue) -> None:
        self._bucket = bucket

    async def watchall(self, **given: Any) -> KeyValue.KeyWatcher:
        watcher: Any = await self._bucket.watchall(**given)
        assert await watcher.updates() is None  # the end, which is not told twice
        assert isinstance(watcher, KeyValue.KeyWatcher)
        return watcher


def test_a_list_of_leases_that_never_ends_is_not_waited_for(
    own_nats: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signals.stream.nats_lease_table.ANSWER_S", 0.1)

    async def run() -> None:
        bus = await nats.connect(url_of(own_nats), FAST)
        assert await (await open_table(bus.jetstream, "leases", 60.0)).keys() == []
        bucket: Any = Forgetful(await bus.jetstream.key_value("leases"))
        with pytest.raises(TableError):
            await NatsTable(bucket).keys()
        await bus.broker.stop()

    asyncio.run(run())


def test_the_bus_goes_away_and_comes_back(own_nats: Process) -> None:
    async def run() -> None:
        sink, url = RecordingSink(), url_of(own_nats)
        await publish(url, [document(n) for n in range(60)])
        async with working(url, sink):
            await until(lambda: len(sink.taken) >= 60)
            own_nats.stop()
            await asyncio.sleep(OUTAGE_S)
            own_nats.start()
            await publish(url, [document(n) for n in range(60, 120)])
            await until(lambda: len(set(sink.taken)) == 120)

    asyncio.run(run())
