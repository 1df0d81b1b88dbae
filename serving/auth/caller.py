"""Who calls, and why a caller is refused."""

from enum import StrEnum
from typing import NamedTuple

from serving.auth.api_keys import Scope


class AccessRefusal(StrEnum):
    """Why a request is refused: for the count alone, no caller is told."""

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
    """Whoever is let in: an id that is no secret, what it may do, until when (seconds, epoch).

    `sources`: the only sources whose events it may send; none means all.
    """

    caller_id: str
    scopes: frozenset[Scope]
    until_s: float = float("inf")
    sources: frozenset[str] = frozenset()

    def may(self, scope: Scope) -> bool:
        """Whether it has the scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


CALLER = "leadscore.caller"
"""Where the access layer says, in a request's scope, who asks."""
