"""Requests that wait at the same time are worked on together, a batch at a time.

Nobody is waited for: what comes while a batch is worked on is the next one. A lone request is
begun at once; under load a batch shares one look at the directory, one read of features, one
transaction.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from queue import SimpleQueue
from threading import Thread
from typing import Generic, NamedTuple, TypeVar

from serving.problems import Saturated

T = TypeVar("T")
R = TypeVar("R")

SMOOTHING = 0.1
"""The weight of the newest batch in the time that one takes."""
QUIET_S = 1.0
"""Reset the batch-time estimate after this many idle seconds."""
LATE = 4
"""Requests older than LATE × wait_s are rejected with 429."""


class _Waiting(NamedTuple, Generic[T, R]):
    item: T
    answer: "asyncio.Future[R]"
    context: Context
    arrived: float


class _Batch(NamedTuple, Generic[T, R]):
    loop: asyncio.AbstractEventLoop
    waiting: list[_Waiting[T, R]]


class MicroBatcher(Generic[T, R]):
    """Works on batches of items: `work` returns a result for each item, and never raises.

    One thread works, one batch after the other, of at most `most` items. Where the batches that
    wait would take longer than `wait_s`, estimated by recent batches, new items are refused.
    """

    def __init__(
        self, work: Callable[[Sequence[T]], Sequence[R]], *, most: int, wait_s: float
    ) -> None:
        self._work = work
        self._most = most
        self._wait_s = wait_s
        self._batch_s = 0.0
        self._ended = 0.0
        self._waiting: deque[_Waiting[T, R]] = deque()
        self._under_way = False
        self._batches: SimpleQueue[_Batch[T, R] | None] = SimpleQueue()
        self._thread: Thread | None = None

    async def ask(self, item: T) -> R:
        """The result for an item. Raises Saturated."""
        now = time.monotonic()
        if not self._under_way and now - self._ended > QUIET_S:
            self._batch_s = 0.0
        if len(self._waiting) // self._most * self._batch_s > self._wait_s:
            raise self._saturated()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        self._waiting.append(_Waiting(item, answer, copy_context(), now))
        if not self._under_way:
            self._next(loop)
        return await answer

    def close(self) -> None:
        """Finish what was begun."""
        if self._thread is not None:
            self._batches.put(None)
            self._thread.join()

    def _saturated(self) -> Saturated:
        return Saturated(
            f"{len(self._waiting)} requests are already waiting",
            rule="saturated",
            todo="Retry after the time in Retry-After.",
        )

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin the next batch, of those who still wait, where there are any."""
        waiting = self._take()
        if not waiting:
            return
        self._under_way = True
        if self._thread is None:
            self._thread = Thread(target=self._run, name="score-together", daemon=True)
            self._thread.start()
        self._batches.put(_Batch(loop, waiting))

    def _take(self) -> list[_Waiting[T, R]]:
        batch: list[_Waiting[T, R]] = []
        since = time.monotonic() - LATE * self._wait_s
        while self._waiting and len(batch) < self._most:
            one = self._waiting.popleft()
            if one.answer.done():
                continue
            if one.arrived < since:
                one.answer.set_exception(self._saturated())
            else:
                batch.append(one)
        return batch

    def _run(self) -> None:
        """Work on batches until there are no more to come."""
        while (batch := self._batches.get()) is not None:
            began = time.monotonic()
            within = batch.waiting[0].context.run  # it holds the current span
            results: Sequence[R] | BaseException
            try:
                results = within(self._work, [one.item for one in batch.waiting])
            except BaseException as bad:  # else who waits would do so for ever
                results = bad
            else:
                self._batch_s += SMOOTHING * (time.monotonic() - began - self._batch_s)
            batch.loop.call_soon_threadsafe(self._deliver, batch, results)
            del batch, within, results  # the thread may wait long for the next

    def _deliver(self, batch: "_Batch[T, R]", results: Sequence[R] | BaseException) -> None:
        """Begin the next batch, and tell those of this one."""
        self._ended = time.monotonic()
        self._under_way = False
        self._next(batch.loop)
        for at, one in enumerate(batch.waiting):
            if one.answer.done():
                continue
            if isinstance(results, BaseException):
                one.answer.set_exception(results)
            else:
                one.answer.set_result(results[at])
