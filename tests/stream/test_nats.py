"""The stream over a real NATS server: order, sharing, retries, dead letters, restarts."""

import asyncio

import msgspec
from nats.js.errors import NotFoundError

from signals.stream import nats
from signals.stream.group_commit import Outgoing
from signals.stream.nats_messages import DEAD_SUBJECT
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

PEOPLE = [f"person{i}" for i in range(12)]


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


def test_a_worker_that_leaves_hands_over_at_once(own_nats: Process) -> None:
    async def run() -> None:
        sink, url = RecordingSink(), url_of(own_nats)
        patient = msgspec.structs.replace(FAST, lease_s=10.0)
        async with working(url, sink, patient) as one:
            await until(lambda: len(one.worker.reading) == FAST.partitions)
        async with working(url, sink, patient) as two:
            await until(lambda: len(two.worker.reading) == FAST.partitions, patient.lease_s / 2)
            await publish(url, shuffled_documents(3))
            await until(lambda: len(sink.taken) == 36)

    asyncio.run(run())


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
            await asyncio.sleep(2 * FAST.lease_s)
            assert len(sink.taken) == FAST.batch
            sink.offline = False
            await until(lambda: len(sink.taken) == 200)
            assert sink.numbers("ann") == list(range(200))
            assert running.handler.tally.dead == {}

    asyncio.run(run())


def test_the_bus_goes_away_and_comes_back(own_nats: Process) -> None:
    async def run() -> None:
        sink, url = RecordingSink(), url_of(own_nats)
        await publish(url, [document(n) for n in range(60)])
        async with working(url, sink):
            await until(lambda: len(sink.taken) >= 60)
            own_nats.stop()
            await asyncio.sleep(2 * FAST.lease_s)
            own_nats.start()
            await publish(url, [document(n) for n in range(60, 120)])
            await until(lambda: len(set(sink.taken)) == 120, 30)

    asyncio.run(run())
