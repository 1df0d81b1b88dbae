"""Requests that wait at the same time are worked on together, in one thread, a batch at a time.

Nobody is waited for: what comes while a batch is worked on is the next one. A lone request is
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
R = TypeVar("R")

SMOOTHING = 0.1
"""The weight of the newest batch in the time that one item takes."""
QUIET_S = 1.0
"""After so long without work, what one item took says nothing of what it will take."""
LATE = 4
"""Who waited so many times as long as anyone should is refused: an estimate was wrong."""


class _Waiting(NamedTuple, Generic[T, R]):
    item: T
    told: "asyncio.Future[R]"
    context: Context
    came: float


class Together(Generic[T, R]):
    """Works on items by `work`, which gives a result for each, in order, and raises nothing.

    `most` items at a time. While more than `wait_s` of work waits, by the time that items took of
    late, what comes is refused. So is, once it is its turn, what waited LATE times that: work that
    hangs makes nobody wait for the sum of it. To be asked from one event loop.
    """

    def __init__(
        self, work: Callable[[Sequence[T]], Sequence[R]], *, most: int, wait_s: float
    ) -> None:
        self._work = work
        self._most = most
        self._wait_s = wait_s
        self._item_s = 0.0
        self._ended = 0.0
        self._waiting: deque[_Waiting[T, R]] = deque()
        self._busy = False
        self._thread = ThreadPoolExecutor(1, "together")

    async def ask(self, item: T) -> R:
        """The result for an item. Raises Saturated."""
        now = time.monotonic()
        if not self._busy and now - self._ended > QUIET_S:
            self._item_s = 0.0
        if len(self._waiting) * self._item_s > self._wait_s:
            raise self._saturated()
        told: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item, told, copy_context(), now))
        if not self._busy:
            self._begin()
        return await told

    def close(self) -> None:
        """Finish what was begun."""
        self._thread.shutdown()

    def _begin(self) -> None:
        """Work on the next batch, of those who still wait."""
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
        self._busy = bool(batch)
        if not batch:
            return
        items, began = [one.item for one in batch], time.monotonic()
        # in the context of the first: it holds the current span
        done = asyncio.get_running_loop().run_in_executor(
            self._thread, batch[0].context.run, self._work, items
        )
        done.add_done_callback(lambda finished: self._finish(batch, finished, began))

    def _finish(
        self, batch: list[_Waiting[T, R]], finished: "asyncio.Future[Sequence[R]]", began: float
    ) -> None:
        self._ended = time.monotonic()
        took = (self._ended - began) / len(batch)
        self._item_s += (SMOOTHING if self._item_s else 1.0) * (took - self._item_s)
        failed = finished.exception()
        self._begin()  # the thread works on while answers go out
        for at, one in enumerate(batch):
            if one.told.done():
                continue
            if failed is None:
                one.told.set_result(finished.result()[at])
            else:
                one.told.set_exception(failed)

    def _saturated(self) -> Saturated:
        return Saturated(
            f"{len(self._waiting)} requests wait for their turn",
            rule="saturated",
            todo="Ask again after the time that Retry-After says.",
        )
