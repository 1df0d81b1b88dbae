"""Builds the access layer from the settings, and checks whether a service may listen on a host."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from starlette.types import ASGIApp

from config.environment import runs_as_service
from config.settings import Settings
from domain.errors import Missing
from serving.auth.api_key_store import open_keys
from serving.auth.caller import AccessRefusal
from serving.auth.console_gate import EntryRules, OwnerLink
from serving.auth.credentials import ApiKeyChecker, Credentials
from serving.auth.loopback import loopback_address
from serving.auth.middleware import AccessMiddleware
from serving.auth.polled_value import PolledValue
from serving.auth.rate_limit import RateLimiter

if TYPE_CHECKING:
    from serving.auth.jwt_tokens import JwtChecker

KEYS_EVERY_S = 1.0
"""A key that is revoked is refused after this, and the time of one reading."""
KEYS_KEPT_S = 900.0
"""How long keys hold that cannot be read anew."""
SIGNERS_EVERY_S = 300.0
SIGNERS_KEPT_S = 86_400.0


@lru_cache(maxsize=1)
def _refusals() -> Any:
    from prometheus_client import Counter

    counter = Counter("leadscore_access_refused", "Requests refused, by reason.", ["reason"])
    for reason in AccessRefusal:
        counter.labels(str(reason))
    return counter


def guard(app: ASGIApp, settings: Settings) -> AccessMiddleware:
    """The access layer around an application; begins to follow the keys, waiting a little."""
    rules = gate_rules(settings)
    return AccessMiddleware(
        app,
        credentials_of(settings),
        rules.rate,
        open_here=rules.open_here,
        count=rules.count,
    )


def credentials_of(settings: Settings) -> Credentials:
    """Keys and tokens as the settings have them; begins to follow them, waiting a little."""
    store = open_keys(settings)
    keys = PolledValue("keys", store.stored, every_s=KEYS_EVERY_S, keep_s=KEYS_KEPT_S)
    keys.start()
    return Credentials(ApiKeyChecker(keys), _tokens(settings))


def gate_rules(settings: Settings, owner: OwnerLink | None = None) -> EntryRules:
    """How callers are let in, by the settings: each layer counts a caller's requests by itself."""
    counter = _refusals()
    return EntryRules(
        open_here=settings.access == "loopback",
        rate=RateLimiter(settings.rate, settings.burst),
        count=lambda reason: counter.labels(str(reason)).inc(),
        owner=owner,
    )


def _tokens(settings: Settings) -> "JwtChecker | None":
    if not settings.jwt_issuer:
        return None
    from serving.auth.jwks import reader
    from serving.auth.jwt_tokens import JwtChecker

    signers = PolledValue(
        "key set",
        reader(settings.jwt_keys),
        every_s=SIGNERS_EVERY_S,
        keep_s=SIGNERS_KEPT_S,
    )
    signers.start()
    return JwtChecker(signers, settings.jwt_issuer, settings.jwt_audience)


def access_at(settings: Settings, host: str) -> Literal["loopback", "required"]:
    """What `access` is where `leadscore serve` listens on a host.

    Loopback trust is a developer's convenience: where `access` is left out, it holds on a loopback
    address alone, and not for what a service manager or a container engine started.

    Raises Missing where a credential would be needed, and there is none that could be good;
    Unavailable where the keys cannot be read.
    """
    access = settings.access or ("required" if runs_as_service() else "loopback")
    if access == "loopback" and loopback_address(host):
        return "loopback"
    if not settings.jwt_issuer:
        _require_live_key(settings)
    return "required"


def _require_live_key(settings: Settings) -> None:
    store = open_keys(settings)
    try:
        if not store.any_live():
            raise Missing(
                "Callers need a credential here, and there is no live key.",
                rule="access-configured",
                todo="Make one with `leadscore keys create`, or set jwt_issuer, jwt_audience and "
                "jwt_keys; or, on a developer's machine, listen on 127.0.0.1 with "
                "LEADSCORE_ACCESS=loopback.",
            )
    finally:
        store.close()
