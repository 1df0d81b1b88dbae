"""The public keys of a token issuer: a JSON Web Key Set, from a URL or a file."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWTError

from domain.errors import Unavailable

ALGORITHMS = ("RS256", "ES256", "EdDSA")
"""Signatures with a private key; a shared secret is none."""
FETCH_S = 5.0
"""How long an issuer may take to begin its answer, and to go on with it; twice that for all."""
LARGEST = 1 << 20
"""Bytes of a key set."""
MOST_KEYS = 500

Signers = dict[str, PyJWK]
"""Public keys by `kid`."""


def reader(where: str) -> Callable[[], Signers]:
    """Reads the key set at an `https://` URL or in a file; the reading raises Unavailable."""
    if where.startswith(("https://", "http://")):
        return lambda: signers(_fetched(where))
    return lambda: signers(_of_file(Path(where)))


def signers(document: bytes) -> Signers:
    """The keys of a set that tokens may be signed with, by `kid`; others are left out.

    Raises Unavailable where it is no key set, holds too many keys, or none that can be used.
    """
    try:
        listed = json.loads(document)["keys"]
        if len(listed) > MOST_KEYS:
            raise Unavailable(f"the key set holds more than {MOST_KEYS} keys", rule="key-set")
        keys = PyJWKSet(listed).keys
    except (PyJWTError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _unusable() from None
    by_id = {key.key_id: key for key in keys if isinstance(key.key_id, str) and _signs(key)}
    if not by_id:
        raise _unusable()
    return by_id


def _signs(key: PyJWK) -> bool:
    return key.public_key_use in (None, "sig") and key.algorithm_name in ALGORITHMS


def _fetched(url: str) -> bytes:
    until = time.monotonic() + 2 * FETCH_S
    try:
        with httpx.stream("GET", url, timeout=FETCH_S) as answer:
            answer.raise_for_status()
            document = b""
            for part in answer.iter_bytes():
                document += part
                if len(document) > LARGEST:
                    raise _unusable()
                if time.monotonic() > until:
                    raise _silent()
            return document
    except (httpx.HTTPError, httpx.InvalidURL):
        raise _silent() from None


def _of_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            document = file.read(LARGEST + 1)
    except OSError:
        raise Unavailable("the file of the key set cannot be read", rule="key-set") from None
    if len(document) > LARGEST:
        raise _unusable()
    return document


def _silent() -> Unavailable:
    return Unavailable("the key set does not answer", rule="key-set")


def _unusable() -> Unavailable:
    return Unavailable("the key set holds no key that can be used", rule="key-set")
