"""The worker's process, put together: from the bus into the signal plane."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Protocol

from config.settings import Settings
from domain.errors import BadConfiguration, LeadscoreError, Unavailable
from jobs.signals.ingest_files import found_home
from jobs.signals.worker_metrics import WorkerStatus, serve_metrics
from jobs.signals.worker_patience import Patience
from signals.mapping.mapping import load_mapping
from signals.stream.handler import Handler, pause
from signals.stream.options import StreamOptions
from telemetry.gc_tuning import tune_gc
from telemetry.logs import configure_logs
from telemetry.traces import traced
from wiring.bundle import unpack_bundle
from wiring.signals import SignalPlane, open_signals

LOOK_EVERY_S = 0.5
LOOK_S = 10.0
"""How long one look at the bus may take."""
INTERRUPTED = 130

LEAVE_S = 5.0
"""How long what is in hand is waited for where the bus is given up."""

WAIT_S = 20.0
"""How long another worker's transaction or push is waited for: to come back later takes longer, and
no caller waits for an answer. A stop waits longer for what is in hand."""

log = logging.getLogger("leadscore.stream")


class Worker(Protocol):
    """Reads one kind of bus."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Read until told to stop."""
        ...

    async def pending(self) -> int:
        """Messages that wait."""
        ...

    async def oldest_s(self) -> float:
        """How far behind the intake is, in seconds."""
        ...


def run_worker(
    settings: Settings,
    options: StreamOptions,
    *,
    mapping: Path | None = None,
    metrics_port: int | None = None,
    give_up_s: float | None = None,
) -> Handler:
    """Consume events until SIGTERM or SIGINT; with `give_up_s`, until nothing is pending.

    The handler that is returned has the counts. A home that is empty is founded with the
    mapping's features, the bundle's, or the standard ones. Raises BadConfiguration without a bus;
    Unavailable where bus or database do not answer at the start: later, they are waited for, with
    `give_up_s` for so many seconds in which nothing moves.
    """
    bus_of(settings)
    configure_logs(settings.logs)
    if mapping is None:
        unpack_bundle(settings)
    found_home(settings, load_mapping(mapping) if mapping else None)
    plane = open_plane(settings)
    tune_gc()
    return asyncio.run(_run(settings, options, plane, metrics_port, give_up_s))


def open_plane(settings: Settings) -> SignalPlane:
    """The signal plane as a worker opens it. Raises Missing for an empty home."""
    return open_signals(settings, live=True, wait_s=WAIT_S)


def bus_of(settings: Settings) -> str:
    """The bus's URL. Raises BadConfiguration where none is set."""
    if not settings.bus:
        raise BadConfiguration(
            "no bus is set",
            rule="bus-known",
            todo="Set LEADSCORE_BUS to nats://host:4222 or kafka://host:9092.",
        )
    return settings.bus


async def _run(
    settings: Settings,
    options: StreamOptions,
    plane: SignalPlane,
    metrics_port: int | None,
    give_up_s: float | None,
) -> Handler:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop, stopping)
    watch = traced(settings, "leadscore-worker")
    handler = Handler(plane.ingest, stopping, time.monotonic, options.deliveries, watch=watch)
    standing = WorkerStatus(handler)
    worker, close = await _open(settings, options, handler)
    if metrics_port is not None:
        standing.quarantine = plane.engine
        standing.findings = plane.ingest.findings
        serve_metrics(standing, metrics_port)
    patience = None if give_up_s is None else Patience(give_up_s)
    looking = asyncio.create_task(_look(worker, plane, standing, stopping, patience))
    sys.stderr.write("consuming events; Ctrl-C ends it, twice at once\n")
    try:
        await asyncio.to_thread(_warm, settings, plane)
        if patience is not None:
            patience.begin(time.monotonic())
        await _until_done(worker.run(stopping), looking)
        await _push_last(handler)
    finally:
        looking.cancel()
        await close()
        plane.engine.dispose()
    return handler


async def _until_done(work: Coroutine[object, object, None], looking: "asyncio.Task[None]") -> None:
    """Wait for the work, or for who looks at it to give up. Raises what either raises."""
    running = asyncio.create_task(work)
    await asyncio.wait({running, looking}, return_when=asyncio.FIRST_COMPLETED)
    given_up = looking.exception() if looking.done() else None
    if given_up is None:
        await running
        return
    await asyncio.wait({running}, timeout=LEAVE_S)
    running.cancel()
    raise given_up


def _stop(stopping: asyncio.Event) -> None:
    """Stop when the batches in hand are done; told twice, at once: the bus delivers them again."""
    if stopping.is_set():
        os._exit(INTERRUPTED)
    stopping.set()


async def _open(
    settings: Settings, options: StreamOptions, handler: Handler
) -> tuple[Worker, "Close"]:
    if settings.bus.startswith("kafka://"):
        from signals.stream.kafka import KafkaWorker, make_broker

        broker = make_broker(settings.bus, options)
        return KafkaWorker(broker, handler, options, time.time), broker.stop
    from signals.stream.nats import NatsWorker, close, connect

    bus = await connect(settings.bus, options)
    name = os.urandom(4).hex()
    return NatsWorker(bus, handler, options, name, time.monotonic), partial(close, bus)


class Close(Protocol):
    """Lets go of the bus."""

    async def __call__(self) -> None:
        """Close the connection."""
        ...


def _warm(settings: Settings, plane: SignalPlane) -> None:
    """Load the online store's libraries before events wait, and push what others left."""
    from wiring.features import open_features

    try:
        open_features(settings, plane.definition)
        plane.ingest.push()
    except LeadscoreError as bad:
        log.warning("nothing is pushed yet: %s", bad)


async def _push_last(handler: Handler) -> None:
    try:
        await handler.flush()
    except LeadscoreError as bad:
        log.warning("what is announced stays in the outbox: %s", bad)


async def _look(
    worker: Worker,
    plane: SignalPlane,
    standing: WorkerStatus,
    stopping: asyncio.Event,
    patience: Patience | None,
) -> None:
    """Keep lag and watermark fresh for the metrics.

    With `patience`, tell the worker to stop where it is idle; raise Unavailable where that ends.
    """
    while not await pause(stopping, LOOK_EVERY_S):
        pending = await _pending(worker, plane, standing)
        if patience is None:
            continue
        if pending == 0:
            stopping.set()
            return
        try:
            patience.look(time.monotonic(), pending, standing.handler.steps)
        except Unavailable:
            stopping.set()
            raise


async def _pending(worker: Worker, plane: SignalPlane, standing: WorkerStatus) -> int | None:
    """How many messages wait, None where the bus does not say; note it, lag and watermark."""
    pending: int | None = None
    try:
        async with asyncio.timeout(LOOK_S):
            pending = standing.pending = await worker.pending()
            standing.behind_s = await worker.oldest_s()
            standing.watermark_us = await asyncio.to_thread(plane.directory.watermark_us)
    except Exception as bad:
        log.warning("lag is not known: %s", type(bad).__name__)
    return pending
