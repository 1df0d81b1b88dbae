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
R = TypeVar("R")

SMOOTHING = 0.1
"""The weight of the newest batch in the time that one item takes."""


class _Waiting(NamedTuple, Generic[T, R]):
    item: T
    told: "asyncio.Future[R]"
    context: Context


class Together(Generic[T, R]):
    """Works on items by `work`, which gives a result for each, in order, and raises nothing.

    `most` items in a batch, so many `batches` at a time: one is worked on while another waits for
    the disk. While more than `wait_s` of work waits, by the time that items took of
    late, what comes is refused. To be asked from one event loop.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Sequence[R]],
        *,
        most: int,
        wait_s: float,
        batches: int = 1,
    ) -> None:
        self._work = work
        self._most = most
        self._wait_s = wait_s
        self._free = batches
        self._item_s = 0.0
        self._waiting: deque[_Waiting[T, R]] = deque()
        self._threads = ThreadPoolExecutor(batches, "together")

    async def ask(self, item: T) -> R:
        """The result for an item. Raises Saturated."""
        waiting_s = len(self._waiting) * self._item_s
        if waiting_s > self._wait_s:
            raise Saturated(
                f"{len(self._waiting)} requests wait for their turn",
                rule="saturated",
                todo="Ask again after the time that Retry-After says.",
            )
        told: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item, told, copy_context()))
        if self._free:
            self._begin()
        return await told

    def close(self) -> None:
        """Finish what was begun."""
        self._threads.shutdown()

    def _begin(self) -> None:
        """Work on the next batch, of those who still wait."""
        batch: list[_Waiting[T, R]] = []
        while self._waiting and len(batch) < self._most:
            one = self._waiting.popleft()
            if not one.told.done():
                batch.append(one)
        if not batch:
            return
        self._free -= 1
        items, began = [one.item for one in batch], time.monotonic()
        # in the context of the first: it holds the current span
        done = asyncio.get_running_loop().run_in_executor(
            self._threads, batch[0].context.run, self._work, items
        )
        done.add_done_callback(lambda finished: self._finish(batch, finished, began))

    def _finish(
        self, batch: list[_Waiting[T, R]], finished: "asyncio.Future[Sequence[R]]", began: float
    ) -> None:
        took = (time.monotonic() - began) / len(batch)
        self._item_s += SMOOTHING * (took - self._item_s)
        failed = finished.exception()
        self._free += 1
        self._begin()  # the thread works on while answers go out
        for at, one in enumerate(batch):
            if one.told.done():
                continue
            if failed is None:
                one.told.set_result(finished.result()[at])
            else:
                one.told.set_exception(failed)
