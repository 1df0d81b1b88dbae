"""The async client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx

from leadscore_client import calls, types
from leadscore_client.connection import (
    Credential,
    Token,
    Trust,
    answer_of,
    request_of,
    unreachable,
)
from leadscore_client.retries import STANDARD, Retries

T = TypeVar("T")


class AsyncClient:
    """Calls one service; safe to share between tasks of one event loop.

    Closed by `aclose`, or by `async with`.

    Every call raises a `ClientError`: the problem that the service answers with, Unreachable where
    it does not answer at all. Only 429 and 503 with Retry-After are tried again, as `retries` says:
    scoring again makes another decision record, events again make no second event.

    The credential is an `api_key`, or a `token` of the issuer that the service trusts: a text, or
    what gives one for each request. `timeout_s` bounds each attempt at connecting, sending and
    waiting for more of an answer. `verify` says which certificates are trusted, by default those of
    public authorities.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        token: Token | None = None,
        timeout_s: float = 30.0,
        verify: Trust = True,
        retries: Retries = STANDARD,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._credential = Credential.of(api_key, token)
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s, verify=verify)
        self._retries = retries
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def score(
        self,
        lead_id: str | None = None,
        *,
        identifiers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> types.ScoreAnswer:
        """The answer for a lead, by its id or by identifiers of it.

        Asked again with the same `idempotency_key`, it is the answer that was recorded at first.
        """
        return await self._call(calls.score(lead_id, identifiers, idempotency_key))

    async def score_batch(
        self, lead_ids: Sequence[str], *, idempotency_key: str | None = None
    ) -> types.BatchAnswer:
        """The answers for the leads that are known, and the ids of those that are not."""
        return await self._call(calls.score_batch(lead_ids, idempotency_key))

    async def what_if(
        self,
        changes: Mapping[str, types.Value],
        *,
        lead_id: str | None = None,
        identifiers: Mapping[str, str] | None = None,
    ) -> types.WhatIf:
        """A lead as it is, and with features changed, by name; nothing is recorded."""
        return await self._call(calls.what_if(changes, lead_id, identifiers))

    async def send_events(self, events: Sequence[types.Event | Mapping[str, Any]]) -> types.Receipt:
        """Send events; returns what became of them, and which were refused by which rule."""
        return await self._call(calls.send_events(events))

    async def leads(self, **query: Unpack[calls.LeadsFilter]) -> AsyncIterator[types.ScoreAnswer]:
        """All leads that fit the query, highest score first; pages are fetched as they are read."""
        while True:
            page = await self._call(calls.leads(query))
            for lead in page.leads:
                yield lead
            if page.next_cursor is None:
                return
            query["cursor"] = page.next_cursor

    async def decision(self, decision_id: str) -> types.DecisionRecord:
        """The record of a decision."""
        return await self._call(calls.decision(decision_id))

    async def decisions(
        self, **query: Unpack[calls.DecisionsFilter]
    ) -> AsyncIterator[types.DecisionRecord]:
        """All recorded decisions that fit the query, the newest first."""
        while True:
            page = await self._call(calls.decisions(query))
            for record in page.decisions:
                yield record
            if page.next_cursor is None:
                return
            query["cursor"] = page.next_cursor

    async def approvals(self) -> list[types.PendingApproval]:
        """The promotions that wait for a second person."""
        return (await self._call(calls.approvals())).approvals

    async def approve(
        self,
        version: str,
        kind: types.VersionKind,
        *,
        reason: str,
        changes: int | None = None,
    ) -> types.Approval:
        """Approve a promotion that somebody else asked for; `changes` as `POST /approvals` says."""
        return await self._call(calls.approve(version, kind, reason, changes))

    async def standing(self, lead_id: str) -> types.LeadStanding:
        """Where a lead stands in its workflow."""
        return await self._call(calls.standing(lead_id))

    async def act(
        self, lead_id: str, action: str, *, reason: str = "", request_id: str | None = None
    ) -> types.LeadStanding:
        """Accept, reject or complete a lead, or what else its state takes; once a request id."""
        return await self._call(calls.act(lead_id, action, reason, request_id))

    async def _call(self, call: calls.Call[T]) -> T:
        for done in range(1, self._retries.attempts + 1):
            response = await self._send(call)
            wait_s = self._retries.wait_s(done, response.status_code, response.headers)
            if wait_s is None:
                break
            await self._sleep(wait_s)
        return answer_of(call, response)

    async def _send(self, call: calls.Call[Any]) -> httpx.Response:
        try:
            return await self._http.request(**request_of(call, self._credential))
        except httpx.TransportError as bad:
            raise unreachable(call.path) from bad
