"""Who calls: a credential is an API key or a token of the issuer, each told by its form."""

import hmac
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from serving.auth.api_keys import StoredKey, digest_of, split_key
from serving.auth.caller import AccessRefusal, Caller
from serving.auth.polled_value import PolledValue

if TYPE_CHECKING:  # its library is heavy: it loads where an issuer is set
    from serving.auth.jwt_tokens import JwtChecker

LONGEST_TOKEN = 8192
_NOBODY = StoredKey(digest=bytes(32), scopes=frozenset(), until_s=0.0, revoked=True)


class ApiKeyChecker:
    """Checks API keys against the newest reading of their table.

    `now` tells seconds since 1970.
    """

    def __init__(
        self, followed: PolledValue[dict[str, StoredKey]], now: Callable[[], float] = time.time
    ) -> None:
        self._followed = followed
        self._now = now

    def close(self) -> None:
        """Follow the table no longer."""
        self._followed.close()

    def check(self, key_id: str, secret: str) -> Caller | AccessRefusal:
        """The caller. Raises Unavailable where the keys have not been read for too long."""
        known = self._followed.value().get(key_id)
        held = known or _NOBODY
        # compared whether or not there is such a key: both take the same time
        right = hmac.compare_digest(digest_of(secret), held.digest)
        if known is None:
            return AccessRefusal.UNKNOWN_KEY
        if not right:
            return AccessRefusal.WRONG_SECRET
        if held.revoked:
            return AccessRefusal.REVOKED
        if self._now() >= held.until_s:
            return AccessRefusal.EXPIRED
        return Caller(key_id, held.scopes, sources=held.sources)


class Credentials:
    """All that a credential may be."""

    def __init__(self, keys: ApiKeyChecker, tokens: "JwtChecker | None") -> None:
        self._keys = keys
        self.tokens = tokens

    def close(self) -> None:
        """Follow keys and signers no longer."""
        self._keys.close()
        if self.tokens is not None:
            self.tokens.close()

    def check(self, sent: str) -> Caller | AccessRefusal:
        """Who sent it. Raises Unavailable."""
        key = split_key(sent)
        if key is not None:
            return self._keys.check(*key)
        if self.tokens is None or sent.count(".") != 2 or len(sent) > LONGEST_TOKEN:
            return AccessRefusal.MALFORMED
        return self.tokens.check(sent)
