"""Who calls, and why a caller is refused."""

from enum import StrEnum
from typing import NamedTuple

from serving.auth.api_keys import Scope


class AccessRefusal(StrEnum):
    """Why a request is refused; only the metrics say it, the caller is not told."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 a reason, no password
    REVOKED = "revoked"
    EXPIRED = "expired"
    BAD_TOKEN = "bad_token"  # noqa: S105
    UNKNOWN_SIGNER = "unknown_signer"
    SCOPE = "scope"
    RATE = "rate"
    UNAVAILABLE = "unavailable"


class Caller(NamedTuple):
    """An authenticated caller: a public id, its scopes, and an expiry (seconds, epoch).

    `sources`: the only sources whose events it may send; none means all.
    """

    caller_id: str
    scopes: frozenset[Scope]
    until_s: float = float("inf")
    sources: frozenset[str] = frozenset()

    def may(self, scope: Scope) -> bool:
        """Whether it has the scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def is_named(self) -> bool:
        """Whether the caller has an identity: a key, or a token with a subject."""
        return self.caller_id not in (HERE, NOBODY)


HERE = "here"
"""The id of a caller that this machine alone vouches for."""
TOKEN = "token:"  # noqa: S105 a prefix, no password
NOBODY = f"{TOKEN}nobody"
"""The id of a caller whose token has no subject."""
CALLER = "leadscore.caller"
"""Where the access layer says, in a request's scope, who asks."""
SCOPES = "leadscore.scopes"
"""Where it says what the caller may."""


def credential_of(caller_id: str) -> str:
    """What the ledger calls a caller: a key's id after `key:`, or a token's hashed subject.

    >>> credential_of("0011"), credential_of("token:2c26b46b68ffc68f")
    ('key:0011', 'token:2c26b46b68ffc68f')
    """
    return caller_id if caller_id.startswith(TOKEN) else f"key:{caller_id}"
