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
OVERLAP = 1.5
"""A batch is begun while another is finished where finishing takes this many times as long as
beginning: then it mostly waits for the disk. Where it does not, both would only share one
interpreter, and larger batches gain more."""


class _Waiting(NamedTuple, Generic[T, R]):
    item: T
    told: "asyncio.Future[R]"
    context: Context
    came: float


class _Timing:
    """Smoothed seconds of the two steps of a batch."""

    def __init__(self) -> None:
        self.begin_s = self.finish_s = 0.0

    def learn(self, begin_s: float, finish_s: float) -> None:
        """Take in what the newest batch took."""
        self.begin_s += SMOOTHING * (begin_s - self.begin_s)
        self.finish_s += SMOOTHING * (finish_s - self.finish_s)

    @property
    def overlaps(self) -> bool:
        """Whether a batch should be begun while another is finished."""
        return self.finish_s > OVERLAP * self.begin_s

    @property
    def batch_s(self) -> float:
        """How long after one batch the next is done, while batches wait."""
        if self.overlaps:
            return max(self.begin_s, self.finish_s)
        return self.begin_s + self.finish_s


class Together(Generic[T, B, R]):
    """Works on items in two steps: `begin` a batch, then `finish` it with a result for each.

    Both steps raise nothing. A batch takes one thread from end to end; where finishing mostly waits
    for the disk, the next batch is begun meanwhile, in another. `most` items in a batch; while so
    many whole batches wait that they take more than `wait_s`, by the time that batches took of
    late, what comes is refused. So is, once it is its turn, what waited LATE times that: work that
    hangs makes nobody wait for the sum of it. To be asked from one event loop.
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
        self._timing = _Timing()
        self._ended = 0.0
        self._waiting: deque[_Waiting[T, R]] = deque()
        self._under_way = 0
        self._beginning = False
        self._begin_thread = ThreadPoolExecutor(1, "begin")
        self._finish_thread = ThreadPoolExecutor(1, "finish")

    async def ask(self, item: T) -> R:
        """The result for an item. Raises Saturated."""
        now = time.monotonic()
        if not self._under_way and now - self._ended > QUIET_S:
            self._timing = _Timing()
        if len(self._waiting) // self._most * self._timing.batch_s > self._wait_s:
            raise self._saturated()
        loop = asyncio.get_running_loop()
        told: asyncio.Future[R] = loop.create_future()
        self._waiting.append(_Waiting(item, told, copy_context(), now))
        self._next(loop)
        return await told

    def close(self) -> None:
        """Finish what was begun."""
        self._begin_thread.shutdown()
        self._finish_thread.shutdown()

    def _saturated(self) -> Saturated:
        return Saturated(
            f"{len(self._waiting)} requests wait for their turn",
            rule="saturated",
            todo="Ask again after the time that Retry-After says.",
        )

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin the next batch, of those who still wait, where one may be begun."""
        may = 2 if self._timing.overlaps else 1
        if self._beginning or self._under_way >= may:
            return
        batch = self._take()
        if batch:
            self._beginning = True
            self._under_way += 1
            self._begin_thread.submit(self._work, loop, batch)

    def _take(self) -> list[_Waiting[T, R]]:
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
        return batch

    def _work(self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting[T, R]]) -> None:
        """Begin a batch; finish it here, or in the other thread where the next may be begun."""
        came = time.monotonic()
        within = batch[0].context.run  # it holds the current span
        try:
            begun = within(self._begin, [one.item for one in batch])
        except BaseException as bad:
            loop.call_soon_threadsafe(self._told, loop, batch, bad, self._begin_thread)
            raise
        begin_s = time.monotonic() - came
        if self._timing.overlaps:
            self._finish_thread.submit(self._done, loop, batch, begun, begin_s, self._finish_thread)
            loop.call_soon_threadsafe(self._begun, loop)
        else:
            self._done(loop, batch, begun, begin_s, self._begin_thread)

    def _begun(self, loop: asyncio.AbstractEventLoop) -> None:
        self._beginning = False
        self._next(loop)

    def _done(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[_Waiting[T, R]],
        begun: B,
        begin_s: float,
        thread: ThreadPoolExecutor,
    ) -> None:
        came = time.monotonic()
        try:
            results: Sequence[R] = batch[0].context.run(self._finish, begun)
        except BaseException as bad:
            loop.call_soon_threadsafe(self._told, loop, batch, bad, thread)
            raise
        self._timing.learn(begin_s, time.monotonic() - came)
        loop.call_soon_threadsafe(self._told, loop, batch, results, thread)

    def _told(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[_Waiting[T, R]],
        results: Sequence[R] | BaseException,
        thread: ThreadPoolExecutor,
    ) -> None:
        """Tell a batch, which was finished in `thread`."""
        self._ended = time.monotonic()
        self._under_way -= 1
        if thread is self._begin_thread:
            self._beginning = False
        self._next(loop)
        for at, one in enumerate(batch):
            if one.told.done():
                continue
            if isinstance(results, BaseException):
                one.told.set_exception(results)
            else:
                one.told.set_result(results[at])
