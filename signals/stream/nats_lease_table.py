"""A lease table in a NATS key-value bucket whose entries live for one lease."""

from collections.abc import Awaitable
from typing import Any, TypeVar

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from signals.stream.leases import TableError

T = TypeVar("T")
ANSWER_S = 5.0
"""How long the next entry of a list is waited for: as the client does for any other answer."""


class NatsTable:
    """Satisfies `signals.stream.leases.Table`."""

    def __init__(self, bucket: KeyValue) -> None:
        self._bucket = bucket

    async def keys(self) -> list[str]:
        """The keys of the entries that have not expired."""
        return await _answered(self._listed())

    async def create(self, key: str, value: bytes) -> int | None:
        """Make an entry unless it exists; its revision, or None."""
        try:
            return await _answered(self._bucket.create(key, value))
        except KeyWrongLastSequenceError:
            return None

    async def renew(self, key: str, value: bytes, revision: int) -> int | None:
        """Write an entry again if it still has that revision; its new one, or None."""
        try:
            return await _answered(self._bucket.update(key, value, last=revision))
        except KeyWrongLastSequenceError:
            return None

    async def remove(self, key: str, revision: int) -> None:
        """Remove an entry if it still has that revision."""
        try:
            await _answered(self._bucket.delete(key, last=revision))
        except KeyWrongLastSequenceError:
            return

    async def _listed(self) -> list[str]:
        """As the client's own `keys`, which hangs where entries expire while they are listed."""
        keys: list[str] = []
        watcher: Any = await self._bucket.watchall(
            ignore_deletes=True, meta_only=True, inactive_threshold=ANSWER_S
        )
        try:
            while (entry := await watcher.updates(timeout=ANSWER_S)) is not None:
                keys.append(entry.key)
        finally:
            await watcher.stop()
        return keys


async def open_table(jetstream: JetStreamContext, bucket: str, lease_s: float) -> NatsTable:
    """The table of that name, made where it is not there yet."""
    try:
        return NatsTable(await jetstream.key_value(bucket))
    except BucketNotFoundError:
        return NatsTable(await jetstream.create_key_value(bucket=bucket, ttl=lease_s))


async def _answered(call: Awaitable[T]) -> T:
    try:
        return await call
    except KeyWrongLastSequenceError:
        raise
    except (NatsError, OSError, TimeoutError) as bad:
        raise TableError(type(bad).__name__) from bad
