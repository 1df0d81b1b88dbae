"""Documents, or the log, read by another process while this one works on what came before."""

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Thread, current_thread, main_thread

from config.settings import Settings
from domain.errors import BadInput
from signals.events.preparation import PreparedDocuments, Preparer, with_bodies, without_bodies
from signals.replay.log_reader import Part
from telemetry.gc_tuning import tune_gc

Documents = Sequence[tuple[int, bytes]]
AHEAD = 6
"""Batches that are read before they are needed, so that there is work to do during a transaction;
memory is bounded by as many."""

PARTS_AHEAD = 4
"""As many of the log's parts, which are larger."""


def prepared_ahead(
    pool: ProcessPoolExecutor, settings: Settings, origin: str, batches: Iterable[Documents]
) -> Iterator[PreparedDocuments]:
    """Each batch of documents, read by the pool's process, in order.

    Where the file breaks off, what was read before is passed on first.
    """
    waiting: deque[tuple[Documents, Future[PreparedDocuments]]] = deque()
    try:
        for documents in batches:
            waiting.append((documents, pool.submit(_prepare, settings, documents, origin)))
            if len(waiting) >= AHEAD:
                yield _next(waiting)
    except BadInput:
        while waiting:
            yield _next(waiting)
        raise
    while waiting:
        yield _next(waiting)


def _next(waiting: deque[tuple[Documents, Future[PreparedDocuments]]]) -> PreparedDocuments:
    documents, future = waiting.popleft()
    return with_bodies(future.result(), documents)


@contextmanager
def reading_process() -> Iterator[ProcessPoolExecutor]:
    """A process that reads; it ends with this one."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        1, mp_context=context, initializer=_begin, initargs=(os.getpid(),)
    ) as pool:
        with _deaf():
            pool.submit(os.getpid)  # starts the process
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """Do not hear interrupts for a moment; what is started meanwhile never does."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin(parent: int) -> None:
    """Leave interrupts to the parent, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tune_gc()
    Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def log_ahead(
    pool: ProcessPoolExecutor, settings: Settings, anchors: Sequence[str], through: int | None
) -> Iterator[Part]:
    """The log by columns, as `read_parts` has it, read by the pool's process.

    The process reads one log at a time.
    """
    begun = pool.submit(_open_log, settings, anchors, through)
    waiting = deque(pool.submit(_next_part) for _ in range(PARTS_AHEAD))
    Thread(target=_get_ready, daemon=True).start()
    begun.result()
    while (part := waiting.popleft().result()) is not None:
        yield part
        waiting.append(pool.submit(_next_part))


def _get_ready() -> None:
    """Import what the history's reader needs while the process starts."""
    from feature_repo.feast_imports import import_joins

    import_joins()


_open: list[Iterator[Part]] = []
"""What the reading process reads."""


def _open_log(settings: Settings, anchors: Sequence[str], through: int | None) -> None:
    from wiring.signals import log_parts

    _open[:] = [log_parts(settings, anchors, through)]


def _next_part() -> Part | None:
    return next(_open[0], None)


def _prepare(settings: Settings, documents: Documents, origin: str) -> PreparedDocuments:
    return without_bodies(_preparer(settings).prepare(documents, origin))


@cache
def _preparer(settings: Settings) -> Preparer:
    from wiring.signals import open_preparer

    return open_preparer(settings)
