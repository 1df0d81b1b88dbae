"""Where API keys are kept: one table, of ids, hashes and terms.

A key that is revoked stays, so that a refusal can be counted as what it is.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from config.settings import Settings
from domain.clock import SECOND, Clock, SystemClock, iso, to_us
from domain.errors import BadInput, Missing, Refused, Unavailable
from serving.auth.api_keys import (
    ID_BYTES,
    LONGEST_REASON,
    PREFIX,
    Key,
    Scope,
    StoredKey,
    check_sources,
    check_terms,
    digest_of,
    new_key,
    scopes_of,
)
from storage.engine import open_engine
from storage.migrations import migrate

KEYS = sa.Table(
    "access_keys",
    sa.MetaData(),
    sa.Column("key_id", sa.String(2 * ID_BYTES), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("scopes", sa.String(64), nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("expires_us", sa.BigInteger),
    sa.Column("revoked_us", sa.BigInteger),
    sa.Column("reason", sa.String(LONGEST_REASON), nullable=False),
)

SOURCES = sa.Table(
    "access_key_sources",
    KEYS.metadata,
    sa.Column("key_id", sa.String(2 * ID_BYTES), primary_key=True),
    sa.Column("source", sa.String(64), primary_key=True),
)
"""The sources that a key is bound to, of keys that are bound to some."""


class KeyStore:
    """The keys of one database. Every call may raise Unavailable."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._known = False

    def create(
        self,
        name: str,
        scopes: Collection[str],
        expires: datetime | None = None,
        sources: Collection[str] = (),
    ) -> tuple[Key, str]:
        """A new key, and the secret that its holder sends: it is shown only this once.

        `sources`: the only sources whose events it may send. Raises BadInput where the name is
        invalid, no scope is given, the key would be expired already, or sources are given without
        the scope ingest.
        """
        now = self._clock.now()
        check_terms(name, expires, now)
        may = scopes_of(scopes)
        check_sources(sources, may)
        key_id, secret = new_key()
        row = {
            "key_id": key_id,
            "digest": digest_of(secret).hex(),
            "name": name,
            "scopes": " ".join(scope for scope in Scope if scope in may),
            "created_us": to_us(now),
            "expires_us": None if expires is None else to_us(expires),
            "reason": "",
        }
        self._make_tables()
        with self._transaction() as connection:
            connection.execute(KEYS.insert().values(row))
            for source in sorted(set(sources)):
                connection.execute(SOURCES.insert().values(key_id=key_id, source=source))
        return self.get(key_id), f"{PREFIX}{key_id}_{secret}"

    def get(self, key_id: str) -> Key:
        """One key. Raises Missing."""
        matches = [key for key in self.keys() if key.key_id == key_id]
        if not matches:
            raise Missing(
                "unknown key", rule="key-known", todo="`leadscore keys list` shows all keys."
            )
        return matches[0]

    def keys(self) -> list[Key]:
        """All keys, the newest first."""
        rows, sources = self._rows()
        rows.sort(key=lambda row: (-row.created_us, row.key_id))
        return [_key(row, sources.get(row.key_id, ())) for row in rows]

    def revoke(self, key_id: str, reason: str) -> Key:
        """Revoke a key for good. Raises Missing, Refused where it is revoked, BadInput."""
        if not 0 < len(reason.strip()) <= LONGEST_REASON:
            raise BadInput(
                f"a reason must have 1 to {LONGEST_REASON} characters", rule="reason-given"
            )
        if self.get(key_id).revoked:
            raise Refused("the key is already revoked", rule="key-live", where=key_id)
        live = KEYS.update().where(KEYS.c.key_id == key_id, KEYS.c.revoked_us.is_(None))
        values = {"revoked_us": to_us(self._clock.now()), "reason": reason.strip()}
        with self._transaction() as connection:
            connection.execute(live.values(values))
        return self.get(key_id)

    def stored(self) -> dict[str, StoredKey]:
        """All keys by id, as the service checks them."""
        rows, sources = self._rows()
        return {
            row.key_id: StoredKey(
                digest=bytes.fromhex(row.digest),
                scopes=frozenset(scope for scope in Scope if scope in row.scopes.split()),
                until_s=inf if row.expires_us is None else row.expires_us / SECOND,
                revoked=row.revoked_us is not None,
                sources=frozenset(sources.get(row.key_id, ())),
            )
            for row in rows
        }

    def any_live(self) -> bool:
        """Whether there is a key that is neither revoked nor expired."""
        now_s = to_us(self._clock.now()) / SECOND
        return any(not key.revoked and key.until_s > now_s for key in self.stored().values())

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _rows(self) -> tuple[list[Any], dict[str, list[str]]]:
        """All keys, and by key the sources that bind it."""
        database = self._engine.url.database or ""
        if self._engine.dialect.name == "sqlite" and not Path(database).is_file():
            return self._none(home_is_there=Path(database).parent.is_dir())
        sources: dict[str, list[str]] = {}
        with self._transaction() as connection:
            tables = sa.inspect(connection).get_table_names()
            if KEYS.name not in tables:
                return self._none()
            if SOURCES.name in tables:
                for row in connection.execute(sa.select(SOURCES)):
                    sources.setdefault(row.key_id, []).append(row.source)
            keys = list(connection.execute(sa.select(KEYS)))
        self._known = True
        return keys, sources

    def _none(self, *, home_is_there: bool = True) -> tuple[list[Any], dict[str, list[str]]]:
        """No keys, and no file made by who only reads.

        Raises Unavailable where there were some, or the home was moved away: they are keys still.
        """
        if self._known or not home_is_there:
            raise Unavailable("The database of API keys is missing.", rule="access-available")
        return [], {}

    def _make_tables(self) -> None:
        with answering():
            migrate(self._engine, "keys", KEYS.metadata)

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with answering(), self._engine.begin() as connection:
            yield connection


@contextmanager
def answering() -> Iterator[None]:
    """Raise Unavailable where the database of the keys fails."""
    try:
        yield
    except sa.exc.SQLAlchemyError as bad:
        raise Unavailable(
            "the database of the keys does not answer", rule="access-available"
        ) from bad


def open_keys(settings: Settings, clock: Clock | None = None) -> KeyStore:
    """The keys of a home. Nothing is connected yet."""
    return KeyStore(open_engine(settings.access_db), clock or SystemClock())


def _key(row: Any, sources: Collection[str]) -> Key:
    return Key(
        key_id=row.key_id,
        name=row.name,
        scopes=tuple(map(Scope, row.scopes.split())),
        created=iso(row.created_us),
        expires="" if row.expires_us is None else iso(row.expires_us),
        revoked="" if row.revoked_us is None else iso(row.revoked_us),
        reason=row.reason,
        sources=tuple(sorted(sources)),
    )
