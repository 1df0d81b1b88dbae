"""Tokens of an issuer that the service trusts: JSON Web Tokens, signed with keys of its set."""

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import jwt

from serving.auth.api_keys import Scope
from serving.auth.caller import NOBODY, TOKEN, AccessRefusal, Caller
from serving.auth.jwks import ALGORITHMS, Signers
from serving.auth.polled_value import PolledValue

LEEWAY_S = 30
"""How far the clocks of issuer and service may lie apart."""
SPACING_S = 10.0
"""Tokens of an unknown signer make the service look for new keys at most this often."""
REMEMBERED = 4096
"""Tokens whose signature is not checked again while it holds."""
SCOPES = {str(scope): scope for scope in Scope}


class JwtChecker:
    """Checks JSON Web Tokens of one issuer, for one audience, signed with keys of its set.

    A signature that held is not checked again while the key set stays and the token lasts. `now`
    tells seconds since 1970.
    """

    def __init__(
        self,
        followed: PolledValue[Signers],
        issuer: str,
        audience: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._followed = followed
        self._issuer = issuer
        self._audience = audience
        self._now = now
        self._good: OrderedDict[bytes, Caller] = OrderedDict()
        self._under: Signers = {}
        self.looking = ThreadPoolExecutor(1, "key-set")
        """Where `look_again` may be run."""

    def look_again(self) -> None:
        """Read the key set again, if that is not done too often. Blocks."""
        self._followed.refresh(SPACING_S)

    def close(self) -> None:
        """Follow the key set no longer."""
        self._followed.close()
        self.looking.shutdown(wait=False)

    def check(self, token: str) -> Caller | AccessRefusal:
        """The caller. Raises Unavailable where there is no key set."""
        signers = self._followed.value()
        if signers is not self._under:
            self._good.clear()
            self._under = signers
        seen = sha256(token.encode()).digest()
        caller = self._good.get(seen)
        if caller is None:
            checked = self._checked(token, signers)
            if isinstance(checked, AccessRefusal):
                return checked
            caller = self._remember(seen, checked)
        return caller if self._now() < caller.until_s else AccessRefusal.EXPIRED

    def _checked(self, token: str, signers: Signers) -> Caller | AccessRefusal:
        try:
            signer = signers.get(jwt.get_unverified_header(token).get("kid", ""))
            if signer is None:
                return AccessRefusal.UNKNOWN_SIGNER
            return _caller(
                jwt.decode(
                    token,
                    signer,
                    algorithms=ALGORITHMS,
                    issuer=self._issuer,
                    audience=self._audience,
                    leeway=LEEWAY_S,
                    options={"require": ["exp", "iss", "aud"]},
                )
            )
        except jwt.ExpiredSignatureError:
            return AccessRefusal.EXPIRED
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return AccessRefusal.BAD_TOKEN

    def _remember(self, seen: bytes, caller: Caller) -> Caller:
        self._good[seen] = caller
        if len(self._good) > REMEMBERED:
            self._good.popitem(last=False)
        return caller


def _caller(claims: dict[str, Any]) -> Caller:
    scope = claims.get("scope", "")
    words = scope.split() if isinstance(scope, str) else []
    scopes = frozenset(SCOPES[word] for word in words if word in SCOPES)
    # the subject may be a person: a hash is enough to tell callers apart
    subject = str(claims.get("sub") or "")
    who = TOKEN + sha256(subject.encode()).hexdigest()[:16] if subject.strip() else NOBODY
    return Caller(who, scopes, float(claims["exp"]) + LEEWAY_S)
