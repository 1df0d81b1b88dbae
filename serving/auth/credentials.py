"""Credentials: API keys and tokens of the issuer, told apart by their form."""

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

    `now` returns seconds since 1970.
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
        key = known or _NOBODY
        # compared whether or not there is such a key: both take the same time
        right = hmac.compare_digest(digest_of(secret), key.digest)
        if known is None:
            return AccessRefusal.UNKNOWN_KEY
        return self._live(key_id, key) if right else AccessRefusal.WRONG_SECRET

    def look_again(self) -> None:
        """Read the keys now: one may have been made a moment ago. Blocks."""
        self._followed.refresh()

    def known(self, key_id: str) -> Caller | AccessRefusal:
        """The caller of a key that was checked before: whether it is still good.

        Raises Unavailable where the keys have not been read for too long.
        """
        key = self._followed.value().get(key_id)
        return AccessRefusal.UNKNOWN_KEY if key is None else self._live(key_id, key)

    def _live(self, key_id: str, key: StoredKey) -> Caller | AccessRefusal:
        if key.revoked:
            return AccessRefusal.REVOKED
        if self._now() >= key.until_s:
            return AccessRefusal.EXPIRED
        return Caller(key_id, key.scopes, key.until_s, key.sources)


class Credentials:
    """All that a credential may be."""

    def __init__(self, keys: ApiKeyChecker, tokens: "JwtChecker | None") -> None:
        self.keys = keys
        self.tokens = tokens

    def close(self) -> None:
        """Follow keys and signers no longer."""
        self.keys.close()
        if self.tokens is not None:
            self.tokens.close()

    def check(self, sent: str) -> Caller | AccessRefusal:
        """Who sent it. Raises Unavailable."""
        key = split_key(sent)
        if key is not None:
            return self.keys.check(*key)
        if self.tokens is None or sent.count(".") != 2 or len(sent) > LONGEST_TOKEN:
            return AccessRefusal.MALFORMED
        return self.tokens.check(sent)
