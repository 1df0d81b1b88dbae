"""Write-back to HubSpot: batch update of CRM objects, by its public HTTP interface (v3)."""

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from workflow.connectors.crm_fields import CrmMapping, CrmUpdate, code_of, plain
from workflow.connectors.guarded_http import (
    GuardedHttp,
    HttpAnswer,
    HttpFailure,
    HttpRequest,
    receipt_of,
    retry_after_s,
)
from workflow.outbox.effect_queue import ClaimedEffect
from workflow.outbox.receipt import DELIVERED, RELEASED, EffectReceipt

ADDRESS = "https://api.hubapi.com"
AT_A_TIME = 100
"""Inputs of one request, as HubSpot limits it."""
DAILY_WAIT_S = 3_600.0
BURST_WAIT_S = 10.0
"""How long to wait where HubSpot does not say: its limits are by the day, and by ten seconds."""
_ONCE_MORE = frozenset({"RATE_LIMITS", "RATE_LIMIT", "INTERNAL_ERROR", "CONFLICT"})


class _BatchError(msgspec.Struct):
    category: Any = None
    context: dict[str, Any] = {}


class _BatchAnswer(msgspec.Struct):
    results: list[dict[str, Any]] = []
    errors: list[_BatchError] = []


class _Refusal(msgspec.Struct, rename={"policy": "policyName"}):
    category: Any = None
    policy: Any = None


class HubSpotConnector:
    """Writes effects into properties of contacts, or of another kind of object.

    `id_property` is the unique property that `record` of the mapping is a value of; None for
    HubSpot's own record ids.
    """

    at_a_time = AT_A_TIME

    def __init__(
        self,
        http: GuardedHttp,
        token: str,
        mapping: CrmMapping,
        *,
        objects: str = "contacts",
        id_property: str | None = None,
    ) -> None:
        self._http = http
        self._token = token
        self._mapping = mapping
        self._path = f"/crm/v3/objects/{objects}/batch/update"
        self._id_property = id_property

    def deliver(self, claimed: Sequence[ClaimedEffect], until: float) -> list[EffectReceipt]:
        """A receipt for each; a batch that is refused as a whole is halved until it is not."""
        updates, receipts = self._mapping.updates(claimed)
        parts = [updates] if updates else []
        while parts:
            part = parts.pop()
            if time.monotonic() >= until:
                receipts |= {one.claimed.sequence: RELEASED for one in part}
                continue
            outcome = self._sent(part)
            if outcome is None:
                parts += [part[: len(part) // 2], part[len(part) // 2 :]]
                continue
            receipts |= dict(zip((o.claimed.sequence for o in part), outcome, strict=True))
            if outcome[0].verdict in ("throttled", "away"):
                until = 0.0  # the rest would fare alike
        return [receipts[one.sequence] for one in claimed]

    def _sent(self, part: Sequence[CrmUpdate]) -> list[EffectReceipt] | None:
        """Receipts of one request; None where it was refused whole, and has several inputs."""
        result = self._http.ask(self._request(part))
        if isinstance(result, HttpFailure) or result.status in (401, 403) or result.status >= 500:
            return [receipt_of(result)] * len(part)
        if result.status == 429:
            return [_throttled(result)] * len(part)
        if result.status in (200, 201, 202, 207):
            return _receipts(part, result)
        if len(part) > 1 and result.status in (400, 409, 422):
            return None
        return [_refused(result)] * len(part)

    def _request(self, part: Sequence[CrmUpdate]) -> HttpRequest:
        inputs = [
            {
                "id": one.record,
                **({"idProperty": self._id_property} if self._id_property else {}),
                "properties": {name: plain(value) for name, value in one.properties.items()},
            }
            for one in part
        ]
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        return HttpRequest("POST", self._path, headers, msgspec.json.encode({"inputs": inputs}))


def _receipts(part: Sequence[CrmUpdate], answer: HttpAnswer) -> list[EffectReceipt]:
    """By the errors that name records; all others are written where the numbers agree."""
    try:
        batch = msgspec.json.decode(answer.body, type=_BatchAnswer)
    except msgspec.DecodeError:
        return [_unclear("its answer cannot be read")] * len(part)
    failed: dict[str, EffectReceipt] = {}
    for error in batch.errors:
        ids = error.context.get("ids", error.context.get("id", []))
        for record in ids if isinstance(ids, list) else []:
            failed[str(record)] = _error(code_of(error.category))
    ours = {one.record for one in part}
    certain = len(batch.results) + len(failed.keys() & ours) == len(part)
    rest = DELIVERED if certain else _unclear("its answer does not say what became of it")
    return [failed.get(one.record, rest) for one in part]


def _error(code: str) -> EffectReceipt:
    verdict = "again" if code in _ONCE_MORE else "never"
    return EffectReceipt(verdict=verdict, rule="crm-record", cause=f"HubSpot says {code}")  # type: ignore[arg-type]


def _unclear(cause: str) -> EffectReceipt:
    return EffectReceipt(verdict="again", rule="crm-answer", cause=cause)


def _refusal(answer: HttpAnswer) -> _Refusal:
    try:
        return msgspec.json.decode(answer.body, type=_Refusal)
    except msgspec.DecodeError:
        return _Refusal()


def _throttled(answer: HttpAnswer) -> EffectReceipt:
    policy = code_of(_refusal(answer).policy)
    usual_s = DAILY_WAIT_S if policy == "DAILY" else BURST_WAIT_S
    asked_s = retry_after_s(answer.headers)
    return EffectReceipt(
        verdict="throttled",
        rule="receiver-busy",
        cause=f"HubSpot's limit {policy} is reached",
        wait_s=usual_s if asked_s is None else asked_s,
    )


def _refused(answer: HttpAnswer) -> EffectReceipt:
    code = code_of(_refusal(answer).category)
    if answer.status in (400, 409, 422):
        return _error(code)
    return receipt_of(answer)
