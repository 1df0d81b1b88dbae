"""Web hooks, signed as the Standard Webhooks specification 1.0 says (standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Sequence

import msgspec

from domain.clock import SECOND, Clock, iso, to_us
from domain.errors import BadConfiguration
from workflow.connectors.guarded_http import GuardedHttp, HttpRequest, receipt_of
from workflow.effect import Effect
from workflow.outbox.effect_queue import ClaimedEffect
from workflow.outbox.receipt import RELEASED, EffectReceipt

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64
"""How long a secret may be, by the specification."""


def signing_keys(owner: str, secret: str) -> tuple[bytes, ...]:
    """The keys of a secret, `whsec_` and base64; of several, a space between, each signs.

    Raises BadConfiguration, without the secret.
    """
    keys = []
    for text in secret.split():
        try:
            key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not LEAST_BYTES <= len(key) <= MOST_BYTES:
            raise BadConfiguration(
                f"{owner}: its signing secret is none",
                rule="webhook-secret",
                todo=f"{PREFIX} and {LEAST_BYTES} to {MOST_BYTES} random bytes in base64.",
            )
        keys.append(key)
    return tuple(keys)


def signature(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` of a message: HMAC-SHA256 over id, timestamp (seconds) and body."""
    content = f"{message_id}.{timestamp}.".encode() + body
    digests = [hmac.new(key, content, hashlib.sha256).digest() for key in keys]
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def payload(effect: Effect) -> bytes:
    """The body of an effect's message: the same bytes however often it is sent."""
    data = {
        "lead_id": effect.lead_id,
        "account_id": effect.account_id,
        "action_id": effect.action_id,
        **effect.fields,
    }
    document = {
        "type": f"lead.{effect.action}",
        "timestamp": iso(effect.created_us),
        "data": data,
    }
    return msgspec.json.encode(document)


class WebhookConnector:
    """Posts each effect as a signed message; several at once, of different leads."""

    def __init__(
        self, http: GuardedHttp, keys: Sequence[bytes], clock: Clock, at_once: int = 4
    ) -> None:
        self._http = http
        self._keys = keys
        self._clock = clock
        self.at_a_time = at_once

    def deliver(self, claimed: Sequence[ClaimedEffect], until: float) -> list[EffectReceipt]:
        """A receipt for each."""
        if time.monotonic() >= until:
            return [RELEASED] * len(claimed)
        requests = [self._request(one.effect) for one in claimed]
        return [receipt_of(result) for result in self._http.ask_all(requests, self.at_a_time)]

    def _request(self, effect: Effect) -> HttpRequest:
        body, timestamp = payload(effect), to_us(self._clock.now()) // SECOND
        headers = {
            "Content-Type": "application/json",
            "webhook-id": effect.key,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._keys, effect.key, timestamp, body),
            "Idempotency-Key": effect.key,
        }
        return HttpRequest("POST", "", headers, body)
