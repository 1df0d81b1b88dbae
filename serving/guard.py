"""The access layer as the settings say, and whether a service may listen where it is told to."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp

from domain.errors import Missing
from serving.access import Access
from serving.credentials import Credentials, Keys, Refusal
from serving.following import Followed
from serving.key_store import open_keys
from serving.loopback import loopback_address
from serving.rate import Rate
from wiring.settings import Settings

if TYPE_CHECKING:
    from serving.tokens import Tokens

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
    for reason in Refusal:
        counter.labels(str(reason))
    return counter


def guard(app: ASGIApp, settings: Settings) -> Access:
    """The access layer around an application; begins to follow the keys, waiting a little."""
    store = open_keys(settings)
    keys = Followed("keys", store.held, every_s=KEYS_EVERY_S, keep_s=KEYS_KEPT_S)
    keys.start()
    tokens = _tokens(settings)
    counter = _refusals()
    return Access(
        app,
        Credentials(Keys(keys), tokens),
        Rate(settings.rate, settings.burst),
        open_here=settings.access == "loopback",
        count=lambda reason: counter.labels(str(reason)).inc(),
    )


def _tokens(settings: Settings) -> "Tokens | None":
    if not settings.jwt_issuer:
        return None
    from serving.key_set import reader
    from serving.tokens import Tokens

    signers = Followed(
        "key set",
        reader(settings.jwt_keys),
        every_s=SIGNERS_EVERY_S,
        keep_s=SIGNERS_KEPT_S,
    )
    signers.start()
    return Tokens(signers, settings.jwt_issuer, settings.jwt_audience)


def access_at(settings: Settings, host: str) -> str:
    """What `access` must be where a service listens on a host.

    Raises Missing where a credential would be needed, and there is none that could be good;
    Unavailable where the keys cannot be read.
    """
    if settings.access == "loopback" and loopback_address(host):
        return "loopback"
    if not settings.jwt_issuer:
        store = open_keys(settings)
        try:
            if not store.any_live():
                raise Missing(
                    "callers need a credential here, and there is no key that is live",
                    rule="access-configured",
                    todo="Make one with `leadscore keys create`, or set jwt_issuer, jwt_audience "
                    "and jwt_keys, or listen on 127.0.0.1, where callers need none.",
                )
        finally:
            store.close()
    return "required"
