"""Group commit: one transaction for all batches that wait for one.

While a transaction runs, the batches of other partitions queue up; the next one commits them
together.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from domain.errors import Unavailable
from domain.signals import Counts
from signals.store.quarantine import Rejected
from signals.stream.headers import NO_LINE, RejectedRow, headers_of

AWAY = (Unavailable, OperationalError, InterfaceError, PoolTimeout)
"""What says that a database or the online store does not answer: waiting may help."""

MOST = 4_000
"""Messages of one transaction, unless one batch alone is larger."""


class Outgoing(NamedTuple):
    """A document to publish, and the file and line that it is from, if any.

    `rejected`: it is no document, but a row that a mapping rejected.
    """

    body: bytes
    origin: str = ""
    line: int = NO_LINE
    rejected: RejectedRow | None = None

    def headers(self) -> dict[str, str]:
        """Where it is from, as a message's headers."""
        return headers_of(self.origin, self.line, self.rejected)


class Delivery(NamedTuple):
    """A message. `place` is its number in the bus, `deliveries` counts this one.

    `origin` and `line` are those of the file that it is from, "" for none; `trace` is the W3C trace
    context that its producer gave, or "". `rejected`: the publisher's mapping rejected it, and it
    goes to quarantine unread.
    """

    body: bytes
    place: int
    deliveries: int = 1
    origin: str = ""
    line: int = NO_LINE
    trace: str = ""
    rejected: RejectedRow | None = None


class Commit(Protocol):
    """The way in: `signals.ingest.ingest.Ingest.commit`."""

    def __call__(
        self,
        documents: Sequence[tuple[int, bytes]],
        origin: str,
        rejected: Sequence[Rejected] = (),
    ) -> Counts:
        """Commit (line, document) pairs, and rows that a mapping rejected, in one transaction."""
        ...


@dataclass(eq=False, slots=True)
class _CommitRequest:
    group: Sequence[Delivery]
    origin: str
    wanted: Callable[[], bool]
    done: bool = False
    failed: Exception | None = None


@dataclass(slots=True)
class StreamGroupCommit:
    """Commits batches, one transaction at a time. `timer` is a monotonic clock."""

    sink: Commit
    timer: Callable[[], float]
    counts: Counts = field(default_factory=Counts)
    transactions: int = 0
    seconds: float = 0.0
    _waiting: list[_CommitRequest] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def commit(
        self, group: Sequence[Delivery], origin: str, wanted: Callable[[], bool]
    ) -> bool:
        """Commit a batch, perhaps with others; False where it was no longer `wanted` at its turn.

        Raises what the commit of this batch alone raises, or Unavailable where the database is
        away.
        """
        request = _CommitRequest(group, origin, wanted)
        self._waiting.append(request)
        try:
            async with self._turn:
                if not request.done and request.failed is None:
                    await self._lead(request)
        finally:
            if request in self._waiting:
                self._waiting.remove(request)
        if request.failed is not None:
            raise request.failed
        return request.done

    async def _lead(self, first: _CommitRequest) -> None:
        company = self._company(first)
        if not company:
            return
        try:
            await self._together(company)
        except Exception as bad:
            if len(company) == 1 or isinstance(bad, AWAY):
                for request in company:
                    request.failed = bad
                return
            for request in company:
                await self._alone(request)

    def _company(self, first: _CommitRequest) -> list[_CommitRequest]:
        company: list[_CommitRequest] = []
        size = 0
        for request in [first, *(a for a in self._waiting if a is not first)]:
            fits = not company or size + len(request.group) <= MOST
            if fits and request.origin == first.origin and request.wanted():
                company.append(request)
                size += len(request.group)
        for request in company:
            self._waiting.remove(request)
        return company

    async def _alone(self, request: _CommitRequest) -> None:
        try:
            await self._together([request])
        except Exception as bad:
            request.failed = bad

    async def _together(self, company: Sequence[_CommitRequest]) -> None:
        origin, group = company[0].origin, [d for request in company for d in request.group]
        documents = [(d.line, d.body) for d in group if d.rejected is None]
        rejected = [d.rejected.of(origin, d.line, d.body) for d in group if d.rejected is not None]
        began = self.timer()
        counts = await asyncio.to_thread(self.sink, documents, origin, rejected)
        self.seconds += self.timer() - began
        self.transactions += 1
        self.counts += counts
        for request in company:
            request.done = True
