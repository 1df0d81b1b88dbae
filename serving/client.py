"""A client of the service, with its errors as they are: the domain's."""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from domain.decisions import DecisionRecord
from domain.errors import LeadscoreError, Unavailable
from domain.scores import ScoreAnswer
from domain.signals import Receipt, Signal
from domain.what_if import FeatureValue, WhatIf
from serving.http.answers import BatchAnswer, DecisionsPage, LeadsPage
from serving.problems import ERRORS, TYPE_PREFIX, Problem

T = TypeVar("T")
ATTEMPTS = 3
RETRIED = (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS)
MAX_WAIT_S = 10.0
"""A Retry-After above this is not waited for."""


class ServiceFailed(LeadscoreError):
    """The service answered with an error that is none of the domain's; `status` is HTTP's."""

    def __init__(self, what: str, *, rule: str, status: int) -> None:
        super().__init__(what, rule=rule)
        self.status = status


def error_of(answer: httpx.Response) -> LeadscoreError:
    """The error that an answer stands for: the domain's own where its problem type names one."""
    try:
        said = msgspec.json.decode(answer.content, type=Problem)
    except msgspec.DecodeError:
        what = f"The service answered with status {answer.status_code} and no problem document."
        return ServiceFailed(what, rule="no-problem-document", status=answer.status_code)
    kind = ERRORS.get(said.type.removeprefix(TYPE_PREFIX))
    if kind is None:
        return ServiceFailed(said.detail, rule=said.rule, status=said.status)
    return kind(said.detail, rule=said.rule)


class Client:
    """Calls one service; safe to share between threads, closed by `close` or `with`.

    Every call raises the domain's error that the service answered with, Unavailable where it does
    not answer at all. Only 503 and 429 with Retry-After are tried again, `attempts` times in all,
    none after a longer wait than MAX_WAIT_S: scoring again makes another decision record, events
    again make no second event.

    The credential is an `api_key`, or a `token` of the issuer that the service trusts: a text, or
    what gives one for each request, since tokens expire. `timeout_s` bounds each attempt at
    connecting, sending and waiting for more of an answer. `verify` says which certificates are
    trusted, by default those of public authorities.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        token: str | Callable[[], str] | None = None,
        timeout_s: float = 30.0,
        verify: ssl.SSLContext | bool = True,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if attempts < 1:
            raise ValueError(f"attempts == {attempts}, must be >= 1")
        if api_key is not None and token is not None:
            raise ValueError("api_key and token are both given, at most one may be")
        held = api_key if token is None else token
        self._held = held
        self._http = httpx.Client(base_url=url, timeout=timeout_s, verify=verify)
        self._attempts = attempts
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def score(
        self,
        lead_id: str | None = None,
        *,
        identifiers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> ScoreAnswer:
        """The answer for a lead, by its id or by identifiers of it.

        Asked again with the same `idempotency_key`, it is the answer that was recorded at first.
        """
        asked: dict[str, Any] = {"lead_id": lead_id} if lead_id is not None else {}
        if identifiers is not None:
            asked["identifiers"] = dict(identifiers)
        once = {} if idempotency_key is None else {"idempotency-key": idempotency_key}
        return self._post("/score", asked, ScoreAnswer, once)

    def score_batch(
        self, lead_ids: Sequence[str], *, idempotency_key: str | None = None
    ) -> BatchAnswer:
        """The answers for the leads that are known, and the ids of those that are not.

        Asked again with the same `idempotency_key`, it is the answers that were recorded at first.
        """
        once = {} if idempotency_key is None else {"idempotency-key": idempotency_key}
        return self._post("/score_batch", {"lead_ids": list(lead_ids)}, BatchAnswer, once)

    def what_if(self, lead_id: str, changes: Mapping[str, FeatureValue]) -> WhatIf:
        """A lead as it is, and with features changed, by name; nothing is recorded."""
        asked = {"lead_id": lead_id, "changes": dict(changes)}
        return self._post("/what_if", asked, WhatIf)

    def send_events(self, events: Sequence[Signal | Mapping[str, Any]]) -> Receipt:
        """Send events; returns what became of them, and which were refused by which rule."""
        return self._post("/events", {"events": list(events)}, Receipt)

    def decision(self, decision_id: str) -> DecisionRecord:
        """The record of a decision."""
        return self._call("GET", f"/decisions/{quote(decision_id, safe='')}", DecisionRecord)

    def decisions(self, **query: str | float) -> Iterator[DecisionRecord]:
        """All recorded decisions that fit the query, of `serving.http.schemas.DecisionsQuery`."""
        while True:
            page = self._call("GET", "/decisions", DecisionsPage, params=query)
            yield from page.decisions
            if page.next_cursor is None:
                return
            query["cursor"] = page.next_cursor

    def leads(self, **query: str | float) -> Iterator[dict[str, Any]]:
        """All leads that fit the query, by the parameters of `serving.http.schemas.LeadsQuery`."""
        while True:
            page = self._call("GET", "/leads", LeadsPage, params=query)
            yield from page.leads
            if page.next_cursor is None:
                return
            query["cursor"] = page.next_cursor

    def _post(
        self, path: str, body: object, kind: type[T], also: Mapping[str, str] | None = None
    ) -> T:
        headers = {"content-type": "application/json", **(also or {})}
        return self._call("POST", path, kind, content=msgspec.json.encode(body), headers=headers)

    def _call(self, method: str, path: str, kind: type[T], **request: Any) -> T:
        answer = self._send(method, path, request)
        for _ in range(self._attempts - 1):
            wait = _retry_after_s(answer)
            if wait is None:
                break
            self._sleep(wait)
            answer = self._send(method, path, request)
        if not answer.is_success:
            raise error_of(answer)
        return msgspec.json.decode(answer.content, type=kind)

    def _send(self, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        credential = self._held() if callable(self._held) else self._held
        headers = {} if credential is None else {"authorization": f"Bearer {credential}"}
        headers |= request.get("headers", {})
        try:
            return self._http.request(method, path, **{**request, "headers": headers})
        except httpx.TransportError as bad:
            raise Unavailable(
                "The service does not answer.", rule="service-reachable", where=path
            ) from bad


def _retry_after_s(answer: httpx.Response) -> float | None:
    said = answer.headers.get("retry-after", "")
    if answer.status_code not in RETRIED or not said.isdecimal():
        return None
    return float(said) if float(said) <= MAX_WAIT_S else None
