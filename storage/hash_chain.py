"""The hash chain that ledger and audit trail share: each entry's hash covers the one before."""

from collections.abc import Iterable
from hashlib import sha256

GENESIS = "0" * 64
"""What the first entry's `previous` is."""


def link(previous: str, body: bytes) -> str:
    """The hash of an entry: SHA-256 over the previous entry's hash and this one's body.

    >>> link(GENESIS, b"a") == link(GENESIS, b"a") != link(GENESIS, b"b")
    True
    """
    return sha256(previous.encode() + b"\n" + body).hexdigest()


def first_break(entries: Iterable[tuple[str, str, bytes]]) -> int | None:
    """The position of the first entry (previous, hash, body) that does not fit, or None."""
    expected = GENESIS
    for at, (previous, digest, body) in enumerate(entries):
        if previous != expected or link(previous, body) != digest:
            return at
        expected = digest
    return None
