"""The public keys of a token issuer: a JSON Web Key Set, from a URL or a file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from domain.errors import Unavailable

ALGORITHMS = ("RS256", "ES256", "EdDSA")
"""Signatures with a private key; a shared secret is none."""
FETCH_S = 5.0
LARGEST = 1 << 20

Signers = dict[str, PyJWK]
"""Public keys by `kid`."""


def reader(where: str) -> Callable[[], Signers]:
    """Reads the key set at an `https://` URL or in a file; the reading raises Unavailable."""
    if where.startswith(("https://", "http://")):
        return lambda: signers(_fetched(where))
    return lambda: signers(_of_file(Path(where)))


def signers(document: bytes) -> Signers:
    """The keys of a set that tokens may be signed with, by `kid`; others are left out.

    Raises Unavailable where it is no key set, or has none that can be used.
    """
    try:
        listed = json.loads(document)["keys"]
        found = [(one.get("kid"), _signer(one)) for one in listed]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _unusable() from None
    held = {kid: key for kid, key in found if isinstance(kid, str) and key is not None}
    if not held:
        raise _unusable()
    return held


def _signer(jwk: dict[str, Any]) -> PyJWK | None:
    if jwk.get("use", "sig") != "sig":
        return None
    try:
        key = PyJWK(jwk)
    except (PyJWTError, ValueError):
        return None
    return key if key.algorithm_name in ALGORITHMS else None


def _fetched(url: str) -> bytes:
    try:
        with httpx.stream("GET", url, timeout=FETCH_S) as answer:
            answer.raise_for_status()
            held = b""
            for part in answer.iter_bytes():
                held += part
                if len(held) > LARGEST:
                    raise _unusable()
            return held
    except (httpx.HTTPError, httpx.InvalidURL):
        raise Unavailable("the key set does not answer", rule="key-set") from None


def _of_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise Unavailable("the file of the key set cannot be read", rule="key-set") from None


def _unusable() -> Unavailable:
    return Unavailable("the key set holds no key that can be used", rule="key-set")
