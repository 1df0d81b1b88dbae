"""HTTP to one receiver: a checked address, bounded in time and size, silent about what it knows.

The host's name is resolved once for a request, each address is checked, and the connection goes to
the very address that was checked: a name that resolves otherwise a moment later changes nothing.
Redirects are not followed. Proxies of the environment are not used.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from typing import NamedTuple

import httpx

from domain.errors import BadConfiguration
from workflow.connectors.address_guard import Network, may_reach
from workflow.outbox.receipt import DELIVERED, EffectReceipt, Verdict

LARGEST_ANSWER = 4 << 20
"""Bytes of an answer that are read at most."""
MOST_ADDRESSES = 3
"""So many addresses of a host are tried."""
RULE = "connector-address"
_TODO = "https://HOST/PATH; http:// is for addresses in `private_networks` alone."

Resolve = Callable[[str, int], Sequence[str]]


class HttpRequest(NamedTuple):
    """A request: its path is joined to the receiver's address, "" for the address itself."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes


class HttpAnswer(NamedTuple):
    """An answer: status, headers by lower-case name, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpFailure(Exception):
    """No answer: `rule` and `cause` say why, without address or content."""

    def __init__(self, rule: str, cause: str) -> None:
        self.rule = rule
        self.cause = cause
        super().__init__(cause)


HttpResult = HttpAnswer | HttpFailure


def resolved(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as this machine resolves it. Raises OSError."""
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in infos))


@cache
def _machines_trust() -> ssl.SSLContext:
    """Whose certificates this machine takes; to read them takes a tenth of a second."""
    return ssl.create_default_context()


class GuardedHttp:
    """Requests to one base address. Safe to use from many threads, outside of an event loop."""

    def __init__(
        self,
        owner: str,
        address: str,
        *,
        timeout_s: float,
        private: Sequence[Network] = (),
        resolve: Resolve = resolved,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """`owner` is what messages call it. Raises BadConfiguration for an address that is none."""
        for name in ("httpx", "httpcore"):  # they log addresses, which may be secrets
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self._base = _checked(owner, address)
        self._timeout_s = timeout_s
        self._private = private
        self._resolve = resolve
        self._trust = trust

    def ask(self, request: HttpRequest) -> HttpResult:
        """One request's answer, or why there is none; within the time limit."""
        return self.ask_all([request], 1)[0]

    def ask_all(self, requests: Sequence[HttpRequest], at_once: int) -> list[HttpResult]:
        """Answers to several requests, so many under way at once, in their order."""
        return asyncio.run(self._ask_all(requests, at_once))

    async def _ask_all(self, requests: Sequence[HttpRequest], at_once: int) -> list[HttpResult]:
        turns = asyncio.Semaphore(at_once)
        async with httpx.AsyncClient(
            verify=self._trust or _machines_trust(),
            trust_env=False,
            follow_redirects=False,
            timeout=self._timeout_s,
        ) as client:

            async def one(request: HttpRequest) -> HttpResult:
                async with turns:
                    return await self._bounded(client, request)

            return list(await asyncio.gather(*map(one, requests)))

    async def _bounded(self, client: httpx.AsyncClient, request: HttpRequest) -> HttpResult:
        try:
            # a receiver that answers byte by byte would outlast every limit of a single step
            async with asyncio.timeout(self._timeout_s):
                return await self._answer(client, request)
        except HttpFailure as failure:
            return failure
        except (TimeoutError, httpx.TimeoutException):
            return HttpFailure("receiver-slow", f"no answer within {self._timeout_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as bad:
            return HttpFailure("receiver-away", f"no answer ({type(bad).__name__})")

    async def _answer(self, client: httpx.AsyncClient, request: HttpRequest) -> HttpAnswer:
        addresses = await self._addresses()
        for last, address in enumerate(addresses, 1):
            try:
                return await self._of(client, request, address)
            except httpx.ConnectError:
                if last == len(addresses):
                    raise
        raise HttpFailure("receiver-away", "its host has no address")

    async def _addresses(self) -> Sequence[str]:
        """The addresses of the host, all of which may be reached. Raises HttpFailure."""
        host = self._base.host
        try:
            addresses = await asyncio.to_thread(self._resolve, host, self._port)
        except (OSError, UnicodeError):
            raise HttpFailure("receiver-away", "its host cannot be resolved") from None
        private = self._base.scheme == "http"
        if not addresses or not all(may_reach(one, self._private) for one in addresses):
            raise HttpFailure(
                "address-private", "its address is not public, nor in `private_networks`"
            )
        if private and any(may_reach(one, ()) for one in addresses):
            raise HttpFailure("address-plain", "its address is public, and needs https://")
        return addresses[:MOST_ADDRESSES]

    @property
    def _port(self) -> int:
        return self._base.port or (443 if self._base.scheme == "https" else 80)

    async def _of(
        self, client: httpx.AsyncClient, request: HttpRequest, address: str
    ) -> HttpAnswer:
        path = self._base.raw_path.decode().rstrip("/") + request.path if request.path else None
        pinned = self._base.copy_with(host=address.partition("%")[0])
        if path is not None:
            pinned = pinned.copy_with(raw_path=path.encode())
        headers = {
            "Host": self._base.netloc.decode(),
            "Accept-Encoding": "identity",
            "User-Agent": "leadscore",
            **request.headers,
        }
        extensions = {"sni_hostname": self._base.host}
        async with client.stream(
            request.method, pinned, headers=headers, content=request.content, extensions=extensions
        ) as response:
            parts, size = [], 0
            async for part in response.aiter_raw():
                size += len(part)
                if size > LARGEST_ANSWER:
                    raise HttpFailure("answer-too-large", f"more than {LARGEST_ANSWER:,} bytes")
                parts.append(part)
            return HttpAnswer(response.status_code, dict(response.headers), b"".join(parts))


def _checked(owner: str, address: str) -> httpx.URL:
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise _bad(owner) from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.fragment:
        raise _bad(owner)
    return url


def _bad(owner: str) -> BadConfiguration:
    return BadConfiguration(f"{owner}: its address is none", rule=RULE, todo=_TODO)


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """How long a receiver asks to wait, seconds; None where it does not say (RFC 9110, 10.2.3).

    >>> retry_after_s({"retry-after": "120"})
    120.0
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 12:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - (now or datetime.now(UTC))).total_seconds(), 0.0)


_NEVER = frozenset({400, 410, 413, 414, 415, 422, 431})
_AWAY = frozenset({401, 403, 404, 405, 407, 502, 503, 504})


def receipt_of(result: HttpResult) -> EffectReceipt:
    """What an answer, or none, says of an effect, where a receiver says it by the status alone."""
    if isinstance(result, HttpFailure):
        return EffectReceipt(verdict="away", rule=result.rule, cause=result.cause)
    if 200 <= result.status < 300:
        return DELIVERED
    wait_s = retry_after_s(result.headers)
    verdict, rule = _refusal(result.status, asks=wait_s is not None)
    cause = f"it answered {result.status} {_phrase(result.status)}".rstrip()
    return EffectReceipt(verdict=verdict, rule=rule, cause=cause, wait_s=wait_s)


def _refusal(status: int, *, asks: bool) -> tuple[Verdict, str]:
    """The verdict of a status that is none of success; `asks`: the receiver says how long."""
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == 503 and asks):
        return "throttled", "receiver-busy"
    if 300 <= status < 400:
        return "away", "receiver-moved"
    if status in _AWAY:
        return "away", "receiver-refuses"
    return ("never", "receiver-rejects") if status in _NEVER else ("again", "receiver-fails")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
