"""Onto the bus, and how much of it waits there."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from domain.signals import encode
from signals.stream.group_commit import Outgoing
from signals.stream.nats import STREAM, NatsBus, connect, publish
from signals.stream.options import StreamOptions
from tests.soak.freshness import Send


def waiting(url: str) -> int:
    """Messages that no worker has settled."""

    async def ask() -> int:
        bus = await connect(url, StreamOptions())
        try:
            return int((await bus.jetstream.stream_info(STREAM)).state.messages)
        finally:
            await bus.broker.stop()

    return asyncio.run(ask())


@contextmanager
def sending(url: str) -> Iterator[Send]:
    """Publishing over one connection; a signal is accepted once the bus has confirmed it."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def wait(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    held: NatsBus = wait(connect(url, StreamOptions()))
    try:
        yield lambda signal: wait(publish(held, [Outgoing(encode(signal))]))
    finally:
        wait(held.broker.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
