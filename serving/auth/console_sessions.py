"""Sessions of the console: who is logged in, by the digest of the word in a browser's cookie.

The word itself is known to the browser alone, as an API key is to its holder: whoever reads the
table can make no cookie of it. They stand beside the keys, so that every worker process and every
service on the same keys knows them.
"""

import secrets
from hashlib import sha256
from typing import Any

import msgspec
import sqlalchemy as sa

from config.settings import Settings
from domain.clock import SECOND, Clock, SystemClock, to_us
from serving.auth.api_key_store import KEYS, answering
from serving.auth.api_keys import SECRET_BYTES
from storage.engine import open_engine
from storage.migrations import migrate

LASTS_S = 12 * 3600
"""A session ends after so many seconds, or with the credential that it was made from."""
MOST = 10_000
"""Sessions that are kept; the oldest go first."""

SESSIONS = sa.Table(
    "console_sessions",
    KEYS.metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("caller_id", sa.String(64), nullable=False),
    sa.Column("by_name", sa.String(64), nullable=False),
    sa.Column("scopes", sa.String(64), nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("until_us", sa.BigInteger, nullable=False),
)


class ConsoleSession(msgspec.Struct, frozen=True, kw_only=True):
    """Who is logged in: a caller's id, the name that the ledger gets, and the scopes then."""

    caller_id: str
    by: str
    scopes: frozenset[str]


class ConsoleSessions:
    """The sessions of one database. Every call may raise Unavailable."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._ready = False

    def begin(self, session: ConsoleSession, until_s: float) -> str:
        """A new session, at most until a moment (seconds since 1970); its word."""
        self._make_tables()
        now_us = to_us(self._clock.now())
        until_us = now_us + LASTS_S * SECOND
        if until_s * SECOND < until_us:
            until_us = round(until_s * SECOND)
        word = secrets.token_urlsafe(SECRET_BYTES)
        row = {
            "digest": _digest(word),
            "caller_id": session.caller_id,
            "by_name": session.by,
            "scopes": " ".join(sorted(session.scopes)),
            "created_us": now_us,
            "until_us": until_us,
        }
        with answering(), self._engine.begin() as connection:
            connection.execute(SESSIONS.delete().where(SESSIONS.c.until_us <= now_us))
            oldest = (
                sa.select(SESSIONS.c.digest).order_by(SESSIONS.c.created_us.desc()).offset(MOST)
            )
            connection.execute(SESSIONS.delete().where(SESSIONS.c.digest.in_(oldest.limit(MOST))))
            connection.execute(SESSIONS.insert().values(row))
        return word

    def get(self, word: str) -> ConsoleSession | None:
        """Whose session it is; None where it is none, or has ended."""
        self._make_tables()
        query = sa.select(SESSIONS).where(SESSIONS.c.digest == _digest(word))
        with answering(), self._engine.connect() as connection:
            row: Any = connection.execute(query).one_or_none()
        if row is None or row.until_us <= to_us(self._clock.now()):
            return None
        scopes = frozenset(row.scopes.split())
        return ConsoleSession(caller_id=row.caller_id, by=row.by_name, scopes=scopes)

    def end(self, word: str) -> None:
        """End a session; one that is none is passed over."""
        self._make_tables()
        with answering(), self._engine.begin() as connection:
            connection.execute(SESSIONS.delete().where(SESSIONS.c.digest == _digest(word)))

    def _make_tables(self) -> None:
        if not self._ready:
            with answering():
                migrate(self._engine, "keys", KEYS.metadata)
            self._ready = True


def open_sessions(settings: Settings, clock: Clock | None = None) -> ConsoleSessions:
    """The sessions of a home. Nothing is connected yet."""
    return ConsoleSessions(open_engine(settings.access_db), clock or SystemClock())


def _digest(word: str) -> str:
    return sha256(word.encode()).hexdigest()
