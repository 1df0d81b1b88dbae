"""Files onto the bus, for workers to consume."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from config.settings import Settings
from jobs.signals.ingest_files import RowCallback
from jobs.signals.input_files import batches, check_file, documents_of, origin_of
from jobs.signals.worker import bus_of
from signals.mapping.compiler import MappedRow, MappingCounts
from signals.mapping.mapping import Mapping, load_mapping
from signals.stream.group_commit import Outgoing
from signals.stream.headers import MOST_KEYS, RejectedRow
from signals.stream.options import StreamOptions

Publish = Callable[[list[Outgoing]], Awaitable[int]]


def publish_files(
    settings: Settings,
    files: Iterable[str],
    mapping: Path | None,
    on_rows: RowCallback,
    tally: MappingCounts | None = None,
) -> dict[str, int]:
    """Put every document of files on the bus, in order, keyed by lead; how many per file.

    Rows that the mapping rejects go along, with its rule and what cures them: a worker quarantines
    them. `tally` counts
    the mapping's rows. Raises Missing, BadInput, BadConfiguration without a bus, Unavailable where
    it does not answer.
    """
    names = list(files)
    bus_of(settings)
    for name in names:
        check_file(name, mapping)
    mapped = load_mapping(mapping) if mapping else None
    return asyncio.run(_publish(settings, names, (mapped, tally or MappingCounts()), on_rows))


async def _publish(
    settings: Settings,
    names: list[str],
    mapped: tuple[Mapping | None, MappingCounts],
    on_rows: RowCallback,
) -> dict[str, int]:
    sent: dict[str, int] = {}
    async with _bus(settings) as publish:
        for name in names:
            sent[name] = 0
            for batch in batches(_documents(name, *mapped), lambda one: len(one.body)):
                sent[name] += await publish(batch)
                on_rows(len(batch))
    return sent


@asynccontextmanager
async def _bus(settings: Settings) -> AsyncIterator[Publish]:
    options = StreamOptions()
    if settings.bus.startswith("kafka://"):
        from signals.stream import kafka

        broker = kafka.make_broker(settings.bus, options)
        await kafka.start(broker)
        try:
            yield lambda documents: kafka.publish(broker, documents)
        finally:
            await broker.stop()
        return
    from signals.stream import nats

    bus = await nats.connect(settings.bus, options)
    try:
        yield lambda documents: nats.publish(bus, documents)
    finally:
        await bus.broker.stop()


def _documents(name: str, mapping: Mapping | None, tally: MappingCounts) -> Iterator[Outgoing]:
    origin = origin_of(name)
    if mapping is not None:
        for row in mapping.documents(Path(name), tally):
            yield Outgoing(row.document, origin, row.line, _rejected(row, mapping.file.source))
        return
    with documents_of(name) as numbered:
        for number, document in numbered:
            yield Outgoing(document.rstrip(b"\n"), origin, number)


def _rejected(row: MappedRow, source: str) -> RejectedRow | None:
    if not row.rule:
        return None
    return RejectedRow(
        rule=row.rule,
        detail=row.detail,
        source=source,
        keys=row.keys[:MOST_KEYS],
        row_keys=row.row_keys[:MOST_KEYS],
    )
