"""Requests that wait at the same time are worked on together, a batch at a time.

Nobody is waited for: what comes while batches are worked on is the next one. A lone request is
begun at once; under load a batch shares one look at the directory, one read of features, one
transaction.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from typing import Generic, NamedTuple, TypeVar

from serving.problems import Saturated

T = TypeVar("T")
B = TypeVar("B")
R = TypeVar("R")

SMOOTHING = 0.1
"""The weight of the newest batch in the time that one takes."""


class _Waiting(NamedTuple, Generic[T, R]):
    item: T
    told: "asyncio.Future[R]"
    context: Context


class Together(Generic[T, B, R]):
    """Works on items in two steps: `begin` a batch, then `finish` it with a result for each.

    While one batch is finished, which is waiting for a disk, the next is begun. Both steps raise
    nothing. `most` items in a batch; while so many whole batches wait that they take more than
    `wait_s`, by the time that batches took of late, what comes is refused. To be asked from one
    event loop.
    """

    def __init__(
        self,
        begin: Callable[[Sequence[T]], B],
        finish: Callable[[B], Sequence[R]],
        *,
        most: int,
        wait_s: float,
    ) -> None:
        self._begin = begin
        self._finish = finish
        self._most = most
        self._wait_s = wait_s
        self._batch_s = 0.0
        self._waiting: deque[_Waiting[T, R]] = deque()
        self._idle = True
        self._beginning = ThreadPoolExecutor(1, "begin")
        self._finishing = ThreadPoolExecutor(1, "finish")

    async def ask(self, item: T) -> R:
        """The result for an item. Raises Saturated."""
        batches = len(self._waiting) // self._most
        if batches * self._batch_s > self._wait_s:
            raise Saturated(
                f"{len(self._waiting)} requests wait for their turn",
                rule="saturated",
                todo="Ask again after the time that Retry-After says.",
            )
        loop = asyncio.get_running_loop()
        told: asyncio.Future[R] = loop.create_future()
        self._waiting.append(_Waiting(item, told, copy_context()))
        if self._idle:
            self._next(loop)
        return await told

    def close(self) -> None:
        """Finish what was begun."""
        self._beginning.shutdown()
        self._finishing.shutdown()

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin the next batch, of those who still wait."""
        batch: list[_Waiting[T, R]] = []
        while self._waiting and len(batch) < self._most:
            one = self._waiting.popleft()
            if not one.told.done():
                batch.append(one)
        self._idle = not batch
        if batch:
            self._beginning.submit(self._work, loop, batch)

    def _work(self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting[T, R]]) -> None:
        began = time.monotonic()
        within = batch[0].context.run  # it holds the current span
        try:
            begun = within(self._begin, [one.item for one in batch])
        except BaseException as bad:
            loop.call_soon_threadsafe(self._failed, loop, batch, bad)
            raise
        took = time.monotonic() - began
        self._finishing.submit(self._done, loop, batch, begun)
        loop.call_soon_threadsafe(self._begun, loop, took)

    def _begun(self, loop: asyncio.AbstractEventLoop, took: float) -> None:
        self._batch_s += SMOOTHING * (took - self._batch_s)
        self._next(loop)

    def _done(self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting[T, R]], begun: B) -> None:
        try:
            results = batch[0].context.run(self._finish, begun)
        except BaseException as bad:
            loop.call_soon_threadsafe(_tell_all, batch, bad)
            raise
        loop.call_soon_threadsafe(_tell, batch, results)

    def _failed(
        self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting[T, R]], bad: BaseException
    ) -> None:
        _tell_all(batch, bad)
        self._next(loop)


def _tell(batch: Sequence[_Waiting[T, R]], results: Sequence[R]) -> None:
    for one, result in zip(batch, results, strict=True):
        if not one.told.done():
            one.told.set_result(result)


def _tell_all(batch: Sequence[_Waiting[T, R]], bad: BaseException) -> None:
    for one in batch:
        if not one.told.done():
            one.told.set_exception(bad)
