"""Write-back to Salesforce: sObject Collections of its public REST interface."""

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from workflow.connectors.crm_fields import CrmMapping, CrmUpdate, code_of
from workflow.connectors.guarded_http import (
    GuardedHttp,
    HttpAnswer,
    HttpFailure,
    HttpRequest,
    HttpResult,
    receipt_of,
    retry_after_s,
)
from workflow.outbox.effect_queue import ClaimedEffect
from workflow.outbox.receipt import DELIVERED, RELEASED, EffectReceipt

AT_A_TIME = 200
"""Records of one request, as Salesforce limits it."""
LIMIT_WAIT_S = 900.0
"""How long to wait once the requests of a rolling day are used up."""
LIMIT = "REQUEST_LIMIT_EXCEEDED"
VERSION = "v62.0"
TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 a path
_ONCE_MORE = frozenset(
    {"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "API_CURRENTLY_DISABLED"}
)


class _RecordError(msgspec.Struct, rename={"status": "statusCode"}):
    status: Any = None


class _SaveResult(msgspec.Struct):
    success: bool
    errors: list[_RecordError] = []


class _Refusal(msgspec.Struct, rename={"code": "errorCode"}):
    code: Any = None


class _Token(msgspec.Struct):
    access_token: str


class SalesforceConnector:
    """Writes effects into fields of leads, or of another kind of object.

    Access is by the client credentials flow of OAuth 2.0; a token that has run out is fetched anew,
    once for a request.
    """

    at_a_time = AT_A_TIME

    def __init__(
        self,
        http: GuardedHttp,
        client_id: str,
        client_secret: str,
        mapping: CrmMapping,
        *,
        objects: str = "Lead",
    ) -> None:
        self._http = http
        self._client_id = client_id
        self._client_secret = client_secret
        self._mapping = mapping
        self._objects = objects
        self._token = ""

    def deliver(self, claimed: Sequence[ClaimedEffect], until: float) -> list[EffectReceipt]:
        """A receipt for each; one record's error is none of another's."""
        updates, receipts = self._mapping.updates(claimed)
        if updates:
            if time.monotonic() >= until:
                outcome = [RELEASED] * len(updates)
            else:
                outcome = self._sent(updates)
            receipts |= dict(zip((o.claimed.sequence for o in updates), outcome, strict=True))
        return [receipts[one.sequence] for one in claimed]

    def _sent(self, part: Sequence[CrmUpdate]) -> list[EffectReceipt]:
        result = self._authorised(part)
        if isinstance(result, HttpFailure):
            return [receipt_of(result)] * len(part)
        if result.status == 200:
            return _receipts(part, result)
        code = _code(result)
        if code == LIMIT or result.status == 429:
            return [_throttled(result)] * len(part)
        receipt = receipt_of(result)
        if receipt.verdict == "never":  # the request, not a record: see that nothing is lost
            cause = f"Salesforce refuses the request ({code})"
            receipt = EffectReceipt(verdict="away", rule="crm-request", cause=cause)
        return [receipt] * len(part)

    def _authorised(self, part: Sequence[CrmUpdate]) -> HttpResult:
        fresh = not self._token
        refused = self._fetch_token() if fresh else None
        if refused is not None:
            return refused
        result = self._http.ask(self._request(part))
        if fresh or isinstance(result, HttpFailure) or result.status != 401:
            return result
        return self._fetch_token() or self._http.ask(self._request(part))

    def _fetch_token(self) -> HttpResult | None:
        """Fetch a token: None, or what was answered instead."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self._token = ""
        result = self._http.ask(HttpRequest("POST", TOKEN_PATH, headers, urlencode(form).encode()))
        if isinstance(result, HttpFailure):
            return result
        if result.status != 200:
            return HttpFailure("crm-token", f"no token: it answered {result.status}")
        try:
            token = msgspec.json.decode(result.body, type=_Token).access_token
        except msgspec.DecodeError:
            token = ""
        if not token.isascii() or not token.isprintable() or not token:
            return HttpFailure("crm-token", "no token: its answer cannot be read")
        self._token = token
        return None

    def _request(self, part: Sequence[CrmUpdate]) -> HttpRequest:
        records = [
            {"attributes": {"type": self._objects}, "id": one.record, **one.properties}
            for one in part
        ]
        body = msgspec.json.encode({"allOrNone": False, "records": records})
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        path = f"/services/data/{VERSION}/composite/sobjects"
        return HttpRequest("PATCH", path, headers, body)


def _receipts(part: Sequence[CrmUpdate], answer: HttpAnswer) -> list[EffectReceipt]:
    try:
        results = msgspec.json.decode(answer.body, type=list[_SaveResult])
    except msgspec.DecodeError:
        results = []
    if len(results) != len(part):
        unclear = EffectReceipt(
            verdict="again", rule="crm-answer", cause="its answer cannot be read"
        )
        return [unclear] * len(part)
    return [DELIVERED if one.success else _error(one) for one in results]


def _error(result: _SaveResult) -> EffectReceipt:
    code = code_of(result.errors[0].status if result.errors else None)
    cause = f"Salesforce says {code}"
    if code == LIMIT:
        return EffectReceipt(
            verdict="throttled", rule="receiver-busy", cause=cause, wait_s=LIMIT_WAIT_S
        )
    if code in _ONCE_MORE:
        return EffectReceipt(verdict="again", rule="crm-record", cause=cause)
    return EffectReceipt(verdict="never", rule="crm-record", cause=cause)


def _code(answer: HttpAnswer) -> str:
    try:
        refusals = msgspec.json.decode(answer.body, type=list[_Refusal])
    except msgspec.DecodeError:
        return "UNKNOWN"
    return code_of(refusals[0].code if refusals else None)


def _throttled(answer: HttpAnswer) -> EffectReceipt:
    asked_s = retry_after_s(answer.headers)
    return EffectReceipt(
        verdict="throttled",
        rule="receiver-busy",
        cause="Salesforce's limit of requests is reached",
        wait_s=LIMIT_WAIT_S if asked_s is None else asked_s,
    )
