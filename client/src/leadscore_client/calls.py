"""The calls of the service, without transport: what both clients send, and what they get."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from urllib.parse import quote

import msgspec

from leadscore_client import types

T = TypeVar("T")
Grade = Literal["A", "B", "C", "D"]


class Call(NamedTuple, Generic[T]):
    """One request, and the type of its answer."""

    method: str
    path: str
    gives: type[T]
    content: bytes | None = None
    headers: dict[str, str] = {}  # noqa: RUF012 nobody changes it
    params: dict[str, str] = {}  # noqa: RUF012


class LeadsFilter(TypedDict, total=False):
    """Which leads; `account` is an account's id, or its domain or CRM id; `limit` is a page's."""

    limit: int
    cursor: str
    grade: Grade
    queue: str
    min_score: float
    status: Literal["open", "decided", "all"]
    account: str
    eligible: bool


class DecisionsFilter(TypedDict, total=False):
    """Which decisions; `since` is included, `until` is not (RFC 3339); `version` is the model's."""

    limit: int
    cursor: str
    lead_id: str
    account: str
    since: str
    until: str
    version: str
    policy: str
    grade: Grade
    action: str
    rule: str


def score(
    lead_id: str | None, identifiers: Mapping[str, str] | None, idempotency_key: str | None
) -> Call[types.ScoreAnswer]:
    """`POST /score`."""
    return _post("/score", _whom(lead_id, identifiers), types.ScoreAnswer, idempotency_key)


def score_batch(lead_ids: Sequence[str], idempotency_key: str | None) -> Call[types.BatchAnswer]:
    """`POST /score_batch`."""
    body = {"lead_ids": list(lead_ids)}
    return _post("/score_batch", body, types.BatchAnswer, idempotency_key)


def what_if(
    changes: Mapping[str, types.Value],
    lead_id: str | None,
    identifiers: Mapping[str, str] | None,
) -> Call[types.WhatIf]:
    """`POST /what_if`."""
    body = {**_whom(lead_id, identifiers), "changes": dict(changes)}
    return _post("/what_if", body, types.WhatIf)


def send_events(events: Sequence[types.Event | Mapping[str, Any]]) -> Call[types.Receipt]:
    """`POST /events`."""
    return _post("/events", {"events": list(events)}, types.Receipt)


def leads(query: LeadsFilter) -> Call[types.LeadsPage]:
    """`GET /leads`."""
    return Call("GET", "/leads", types.LeadsPage, params=_parameters(query))


def decision(decision_id: str) -> Call[types.DecisionRecord]:
    """`GET /decisions/{decision_id}`."""
    return Call("GET", f"/decisions/{quote(decision_id, safe='')}", types.DecisionRecord)


def decisions(query: DecisionsFilter) -> Call[types.DecisionsPage]:
    """`GET /decisions`."""
    return Call("GET", "/decisions", types.DecisionsPage, params=_parameters(query))


def approvals() -> Call[types.PendingApprovals]:
    """`GET /approvals`."""
    return Call("GET", "/approvals", types.PendingApprovals)


def approve(
    version: str, kind: types.VersionKind, reason: str, changes: int | None
) -> Call[types.Approval]:
    """`POST /approvals`."""
    body: dict[str, Any] = {"version": version, "kind": kind, "reason": reason}
    if changes is not None:
        body["changes"] = changes
    return _post("/approvals", body, types.Approval)


def standing(lead_id: str) -> Call[types.LeadStanding]:
    """`GET /workflow`."""
    return Call("GET", "/workflow", types.LeadStanding, params={"lead_id": lead_id})


def act(lead_id: str, action: str, reason: str, request_id: str | None) -> Call[types.LeadStanding]:
    """`POST /workflow`."""
    body: dict[str, Any] = {"lead_id": lead_id, "action": action, "reason": reason}
    if request_id is not None:
        body["request_id"] = request_id
    return _post("/workflow", body, types.LeadStanding)


def _post(path: str, body: object, gives: type[T], idempotency_key: str | None = None) -> Call[T]:
    headers = {"content-type": "application/json"}
    if idempotency_key is not None:
        headers["idempotency-key"] = idempotency_key
    return Call("POST", path, gives, msgspec.json.encode(body), headers)


def _whom(lead_id: str | None, identifiers: Mapping[str, str] | None) -> dict[str, Any]:
    body: dict[str, Any] = {} if lead_id is None else {"lead_id": lead_id}
    return body if identifiers is None else {**body, "identifiers": dict(identifiers)}


def _parameters(query: Mapping[str, object]) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if value is not None
    }
