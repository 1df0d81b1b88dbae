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
QUIET_S = 1.0
"""After so long without work, what a batch took says nothing of what one will take."""
LATE = 4
"""Who waited so many times as long as anyone should is refused: an estimate was wrong."""
DEPTH = 1
"""Batches that may be under way at once. With two, one is begun while another is finished; they
share one interpreter, so on a disk that flushes within milliseconds larger batches gain more."""


class _Waiting(NamedTuple, Generic[T, R]):
    item: T
    told: "asyncio.Future[R]"
    context: Context
    came: float


class Together(Generic[T, B, R]):
    """Works on items in two steps: `begin` a batch, then `finish` it with a result for each.

    Up to DEPTH batches are under way at once. Both steps raise nothing. `most` items in a batch;
    while so many whole batches wait that they take more than `wait_s`, by the time that batches
    took of late, what comes is refused. So is, once it is its turn, what waited LATE times that:
    work that hangs makes nobody wait for the sum of it. To be asked from one event loop.
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
        self._ended = 0.0
        self._waiting: deque[_Waiting[T, R]] = deque()
        self._under_way = 0
        self._scoring = False
        self._beginning = ThreadPoolExecutor(1, "begin")
        self._finishing = ThreadPoolExecutor(1, "finish")

    async def ask(self, item: T) -> R:
        """The result for an item. Raises Saturated."""
        now = time.monotonic()
        if not self._under_way and now - self._ended > QUIET_S:
            self._batch_s = 0.0
        if len(self._waiting) // self._most * self._batch_s > self._wait_s:
            raise self._saturated()
        loop = asyncio.get_running_loop()
        told: asyncio.Future[R] = loop.create_future()
        self._waiting.append(_Waiting(item, told, copy_context(), now))
        self._next(loop)
        return await told

    def close(self) -> None:
        """Finish what was begun."""
        self._beginning.shutdown()
        self._finishing.shutdown()

    def _saturated(self) -> Saturated:
        return Saturated(
            f"{len(self._waiting)} requests wait for their turn",
            rule="saturated",
            todo="Ask again after the time that Retry-After says.",
        )

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin the next batch, of those who still wait, where one may be begun."""
        if self._scoring or self._under_way >= DEPTH:
            return
        batch: list[_Waiting[T, R]] = []
        since = time.monotonic() - LATE * self._wait_s
        while self._waiting and len(batch) < self._most:
            one = self._waiting.popleft()
            if one.told.done():
                continue
            if one.came < since:
                one.told.set_exception(self._saturated())
            else:
                batch.append(one)
        if batch:
            self._scoring = True
            self._under_way += 1
            self._beginning.submit(self._work, loop, batch)

    def _work(self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting[T, R]]) -> None:
        began = time.monotonic()
        within = batch[0].context.run  # it holds the current span
        try:
            begun = within(self._begin, [one.item for one in batch])
        except BaseException as bad:
            loop.call_soon_threadsafe(self._begun, loop, began)
            loop.call_soon_threadsafe(self._told, loop, batch, bad)
            raise
        self._finishing.submit(self._done, loop, batch, begun)
        loop.call_soon_threadsafe(self._begun, loop, began)

    def _begun(self, loop: asyncio.AbstractEventLoop, began: float) -> None:
        took = time.monotonic() - began
        self._batch_s += SMOOTHING * (took - self._batch_s)
        self._scoring = False
        self._next(loop)

    def _done(self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting[T, R]], begun: B) -> None:
        try:
            results: Sequence[R] = batch[0].context.run(self._finish, begun)
        except BaseException as bad:
            loop.call_soon_threadsafe(self._told, loop, batch, bad)
            raise
        loop.call_soon_threadsafe(self._told, loop, batch, results)

    def _told(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[_Waiting[T, R]],
        results: Sequence[R] | BaseException,
    ) -> None:
        self._ended = time.monotonic()
        self._under_way -= 1
        self._next(loop)
        for at, one in enumerate(batch):
            if one.told.done():
                continue
            if isinstance(results, BaseException):
                one.told.set_exception(results)
            else:
                one.told.set_result(results[at])
