"""Which worker reads which partition: leases in a shared table whose entries expire.

Each worker keeps an entry of its own and one for each partition it holds, all written anew before
they expire. A worker that dies leaves entries that expire; one that cannot write counts its leases
as lost by its own clock before the table does, so that no partition has two readers.
"""

import asyncio
import logging
from collections.abc import Callable
from math import ceil
from typing import Protocol

log = logging.getLogger("leadscore.stream")
SAFETY = 0.8
"""The share of a lease's time after which its holder counts it as lost."""

WORKER, PARTITION = "worker.", "partition."


class TableError(Exception):
    """The table does not answer."""


class Table(Protocol):
    """Entries that expire unless written again. Every call raises TableError where it is away."""

    async def keys(self) -> list[str]:
        """The keys of the entries that have not expired."""
        ...

    async def create(self, key: str, value: bytes) -> int | None:
        """Make an entry unless it exists; its revision, or None."""
        ...

    async def renew(self, key: str, value: bytes, revision: int) -> int | None:
        """Write an entry again if it still has that revision; its new one, or None."""
        ...

    async def remove(self, key: str, revision: int) -> None:
        """Remove an entry if it still has that revision."""
        ...


class Leases:
    """The partitions that one worker holds; `tick` is called several times per `lease_s`."""

    def __init__(
        self,
        table: Table,
        worker: str,
        partitions: int,
        lease_s: float,
        timer: Callable[[], float],
    ) -> None:
        self._table = table
        self._worker = worker
        self._partitions = partitions
        self._lease_s = lease_s
        self._timer = timer
        self._revisions: dict[str, int] = {}
        self._written: dict[str, float] = {}
        self._writing = asyncio.Lock()

    def holds(self, partition: int) -> bool:
        """Whether the partition is certainly this worker's at present."""
        written = self._written.get(f"{PARTITION}{partition}")
        return written is not None and self._timer() - written < SAFETY * self._lease_s

    @property
    def leased(self) -> set[int]:
        """The partitions that are this worker's now."""
        return {p for p in range(self._partitions) if self.holds(p)}

    async def tick(self) -> set[int]:
        """Renew the leases and take a fair share; returns the partitions to give back.

        Those are still leased: call `give_back` once their reading has ended.
        """
        try:
            async with self._writing:
                await self._write(f"{WORKER}{self._worker}")
                for partition in [p for p in range(self._partitions) if self._key(p)]:
                    await self._write(f"{PARTITION}{partition}")
                return await self._share()
        except TableError as bad:
            log.warning("leases: the bus does not answer: %s", bad)
            return set()

    async def give_back(self, partition: int) -> None:
        """Release a partition at once; a write that is under way is finished first."""
        async with self._writing:
            await self._remove(f"{PARTITION}{partition}")

    async def leave(self) -> None:
        """Give back everything."""
        await asyncio.gather(*(self._remove(key) for key in list(self._revisions)))

    async def _share(self) -> set[int]:
        keys = await self._table.keys()
        workers = sum(key.startswith(WORKER) for key in keys)
        fair = ceil(self._partitions / max(workers, 1))
        mine = sorted(self.leased)
        for partition in self._from_here():
            key = f"{PARTITION}{partition}"
            if len(mine) < fair and key not in keys and key not in self._revisions:
                began = self._timer()
                revision = await self._table.create(key, self._worker.encode())
                if revision is not None:
                    self._revisions[key], self._written[key] = revision, began
                    mine.append(partition)
        return set(mine[fair:])

    def _from_here(self) -> list[int]:
        """All partitions, from one that depends on the worker: several grab different ones."""
        start = int(self._worker[:6], 16) % self._partitions
        return [(start + i) % self._partitions for i in range(self._partitions)]

    def _key(self, partition: int) -> bool:
        return f"{PARTITION}{partition}" in self._revisions

    async def _write(self, key: str) -> None:
        began, value = self._timer(), self._worker.encode()
        revision = self._revisions.get(key)
        if revision is None:
            created = await self._table.create(key, value)
        else:
            created = await self._table.renew(key, value, revision)
        if created is None:
            log.warning("the lease %s is lost", key)
            self._forget(key)
        else:
            self._revisions[key], self._written[key] = created, began

    async def _remove(self, key: str) -> None:
        revision = self._revisions.get(key)
        self._forget(key)
        if revision is not None:
            try:
                await self._table.remove(key, revision)
            except TableError as bad:
                log.warning("%s is not given back: %s", key, bad)

    def _forget(self, key: str) -> None:
        self._revisions.pop(key, None)
        self._written.pop(key, None)
