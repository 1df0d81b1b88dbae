"""Requests that may be sent again: the same key, from the same caller, is answered once."""

from hashlib import blake2b

from starlette.types import Scope

from domain.decisions import RequestKey
from domain.errors import BadInput
from serving.auth.caller import CALLER

HEADER = b"idempotency-key"
MOST = 255
"""Characters of a key."""


def key_of(scope: Scope) -> str | None:
    """The key that came with a request. Raises BadInput."""
    values = [value for name, value in scope["headers"] if name == HEADER]
    if not values:
        return None
    key: bytes = values[0].strip()
    if len(values) > 1 or not 0 < len(key) <= MOST or not all(0x20 < c < 0x7F for c in key):
        raise BadInput(
            f"An Idempotency-Key is one value of 1 to {MOST} visible ASCII characters.",
            rule="idempotency-key",
        )
    return key.decode()


def request_of(scope: Scope, body: bytes) -> RequestKey | None:
    """How a request is known again; None where it came without a key. Raises BadInput."""
    key = key_of(scope)
    if key is None:
        return None
    return RequestKey(key=_digest(f"{scope.get(CALLER, '')}\0{key}".encode()), asked=_digest(body))


def requests_of(scope: Scope, body: bytes, count: int) -> list[RequestKey | None]:
    """How each of the things that one request asks is known again, in their order.

    The first has the key of the whole, so that the same key with anything else is found out. Raises
    BadInput.
    """
    whole = request_of(scope, body)
    if whole is None:
        return [None] * count
    keys = (whole.key if i == 0 else _digest(f"{whole.key}\0{i}".encode()) for i in range(count))
    return [RequestKey(key=key, asked=whole.asked) for key in keys]


def _digest(text: bytes) -> str:
    return blake2b(text, digest_size=16).hexdigest()
