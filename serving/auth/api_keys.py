"""API keys and scopes: what a caller may send, and what is kept of it.

A key as it is sent is `lsk_ID_SECRET`: an id that may be shown, and 256 random bits. Why a plain
SHA-256 of them is enough stands in docs/adr/0013.
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

import msgspec

from domain.errors import BadInput

PREFIX = "lsk_"
ID_BYTES = 8
SECRET_BYTES = 32
"""256 bits."""
NAME = re.compile(r"[\w .@/-]{1,64}")
LONGEST_REASON = 256
MOST_SOURCES = 32


class Scope(StrEnum):
    """What a caller may do; `admin` includes all the others but `personal`.

    `work`: to see where leads stand in their workflow, and to accept, reject and complete them.
    `propose` and `personal` are of tools alone (`jobs.assistants`): to leave a proposal for a
    person, and to be shown personal data.
    """

    SCORE = "score"
    INGEST = "ingest"
    READ = "read"
    APPROVE = "approve"
    WORK = "work"
    PROPOSE = "propose"
    PERSONAL = "personal"
    ADMIN = "admin"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key: all but its secret. Moments are RFC 3339, "" for none.

    `sources`: the only sources whose events it may send; none means all.
    """

    key_id: str
    name: str
    scopes: tuple[Scope, ...]
    created: str
    expires: str
    revoked: str
    reason: str
    sources: tuple[str, ...] = ()


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """What the service needs of a key: the SHA-256 of its secret, and until when it is good.

    `until_s` is in seconds since 1970, infinite where it does not expire. `sources` as in `Key`.
    """

    digest: bytes
    scopes: frozenset[Scope]
    until_s: float
    revoked: bool
    sources: frozenset[str] = frozenset()


def digest_of(secret: str) -> bytes:
    """The SHA-256 of a secret, as it is kept."""
    return hashlib.sha256(secret.encode()).digest()


def split_key(sent: str) -> tuple[str, str] | None:
    """Id and secret of a key as it is sent, or None where it has not the form of one.

    >>> split_key("lsk_0011_some_secret")
    ('0011', 'some_secret')
    """
    if not sent.startswith(PREFIX):
        return None
    key_id, _, secret = sent[len(PREFIX) :].partition("_")
    return (key_id, secret) if key_id and secret else None


def new_key() -> tuple[str, str]:
    """The id and the secret of a new key."""
    return secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)


def scopes_of(words: Collection[str]) -> frozenset[Scope]:
    """The scopes that are named. Raises BadInput where there is none, or one of no such name."""
    try:
        scopes = frozenset(map(Scope, words))
    except ValueError:
        scopes = frozenset()
    if not scopes:
        raise BadInput(f"scopes are {', '.join(Scope)}; at least one", rule="key-scopes")
    return scopes


def check_sources(sources: Collection[str], scopes: Collection[Scope]) -> None:
    """Raise BadInput where sources are no names, or bind a key that sends no events."""
    if len(sources) > MOST_SOURCES or not all(map(_is_source, sources)):
        raise BadInput(
            f"A key has at most {MOST_SOURCES} sources, of 1 to 64 printable characters each.",
            rule="key-sources",
            where="--source",
        )
    if sources and Scope.INGEST not in scopes:
        raise BadInput(
            "Sources bind a key that sends events, and this one may not.",
            rule="key-sources",
            where="--source",
            todo="Add --scope ingest, or leave --source out.",
        )
    if sources and Scope.ADMIN in scopes:
        raise BadInput(
            "A key with the scope admin may do everything: no source binds it.",
            rule="key-sources",
            where="--source",
            todo="Leave --scope admin out.",
        )


def _is_source(text: str) -> bool:
    return 0 < len(text) <= 64 and text.isprintable()


def check_terms(name: str, expires: datetime | None, now: datetime) -> None:
    """Raise BadInput where a name is none, or a key would be expired already."""
    if not NAME.fullmatch(name):
        raise BadInput("a name has 1 to 64 letters, digits, spaces or _.@/-", rule="key-name")
    if expires is not None and expires <= now:
        raise BadInput("the key would already be expired", rule="key-expires")
