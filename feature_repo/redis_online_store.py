"""Feast's Redis online store, read for several views in one trip.

Feast's own asks once for each view. What is stored is Feast's, byte for byte.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from feast.infra.online_stores.helpers import _mmh3, compute_versioned_name
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig

from domain.clock import SECOND
from feature_repo.entities import (
    NOT_STORED,
    OnlineRows,
    Stored,
    Wanted,
    entity_keys,
    value_of,
)
from feature_repo.feast_imports import Timestamp


class OneTripRedisOnlineStoreConfig(RedisOnlineStoreConfig):  # type: ignore[misc]
    """As Feast's own, under the name that it finds this store by."""

    type: Literal["feature_repo.redis_online_store.OneTripRedisOnlineStore"] = (
        "feature_repo.redis_online_store.OneTripRedisOnlineStore"
    )


class OneTripRedisOnlineStore(RedisOnlineStore):  # type: ignore[misc]
    """Reads entities of one text key; all that is asked for at once in one pipeline."""

    def read_together(self, config: Any, wanted: Sequence[Wanted]) -> list[list[Stored]]:
        """What is stored of each view's entities, in their order."""
        version, project = config.entity_key_serialization_version, config.project.encode()
        versioned = config.registry.enable_online_feature_view_versioning
        with self._get_client(config.online_store).pipeline(transaction=False) as pipe:
            for one in wanted:
                hashed = _hashed(compute_versioned_name(one.view, versioned), tuple(one.fields))
                for key in entity_keys(one.join_key, one.entities, version):
                    pipe.hmget(key + project, hashed)
            replies = iter(pipe.execute())
        return [[_stored(one.fields, next(replies)) for _ in one.entities] for one in wanted]

    def write_together(self, config: Any, rows: OnlineRows) -> None:
        """Write rows in one trip, whatever was stored before.

        Feast would drop one whose time is not newer. A state that a split or a late event changed
        is just that, and its one writer pushes merged states only.
        """
        version, project = config.entity_key_serialization_version, config.project.encode()
        versioned = config.registry.enable_online_feature_view_versioning
        names = _hashed(compute_versioned_name(rows.view, versioned), tuple(rows.fields))
        keys = entity_keys(rows.join_key, rows.entities, version)
        moments = map(_moment, rows.known_us)
        commands = [
            ("HSET", key + project, *chain.from_iterable(zip(names, values, strict=True)))
            for key, *values in zip(keys, *rows.fields.values(), moments, strict=True)
        ]
        _send(self._get_client(config.online_store).connection_pool, commands)


def redis_store(url: str, wait_s: float) -> dict[str, Any]:
    """Feast's configuration of the Redis that a URL names.

    A Redis that is away is said to be at once: who asks knows how to wait.

    >>> redis_store("redis://:secret@cache:6380/2", 1.0)["connection_string"].split(",")[:3]
    ['cache:6380', 'db=2', 'password=secret']
    """
    parsed = urlsplit(url)
    parts = [f"{parsed.hostname or 'localhost'}:{parsed.port or 6379}"]
    parts.append(f"db={parsed.path.strip('/') or 0}")
    if parsed.username:
        parts.append(f"username={unquote(parsed.username)}")
    if parsed.password:
        parts.append(f"password={unquote(parsed.password)}")
    if parsed.scheme == "rediss":
        parts.append("ssl=true")
    parts += ["retry=null", f"socket_timeout={wait_s}"]
    parts.append(f"socket_connect_timeout={min(wait_s, 2.0)}")
    parts += ["health_check_interval=10"]
    return {
        "type": "feature_repo.redis_online_store.OneTripRedisOnlineStore",
        "connection_string": ",".join(parts),
    }


@lru_cache(maxsize=64)
def _hashed(view: str, fields: tuple[str, ...]) -> list[bytes | str]:
    """The names of a view's fields in Feast's hashes, that of its time last."""
    return [*(_mmh3(f"{view}:{field}") for field in fields), f"_ts:{view}"]


def _moment(known_us: int) -> bytes:
    """A moment as Feast stores it."""
    seconds, micros = divmod(known_us, SECOND)
    stored: bytes = Timestamp(seconds=seconds, nanos=1000 * micros).SerializeToString()
    return stored


def _send(pool: Any, commands: Sequence[tuple[bytes | str, ...]]) -> None:
    """Send commands in one trip; the client's own pipeline costs twice as much. Raises RedisError.

    Where one of them fails, the connection is let go of, with the answers that nobody read.
    """
    connection = pool.get_connection()
    try:
        connection.send_packed_command(connection.pack_commands(commands))
        for _ in commands:
            connection.read_response()
    except BaseException:
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def _stored(fields: Sequence[str], values: Sequence[bytes | None]) -> Stored:
    *cells, moment = values
    if moment is None:
        return NOT_STORED
    known = Timestamp.FromString(moment)
    values_read = {
        field: value_of(value)
        for field, value in zip(fields, cells, strict=True)
        if value is not None
    }
    return known.seconds * SECOND + known.nanos // 1000, values_read
