"""Access control between the outermost layer and the service: scopes and rates.

All invalid credentials get the same answer, and so do all missing scopes; the cause is counted in
the metrics only.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Request

from domain.errors import LeadscoreError, Unavailable
from serving.auth.api_keys import Scope
from serving.auth.caller import CALLER, HERE, SCOPES, AccessRefusal, Caller
from serving.auth.credentials import Credentials
from serving.auth.loopback import made_here
from serving.auth.open_paths import APPROVALS, OPEN, TOOLS, WORKFLOW
from serving.auth.rate_limit import RateLimiter
from serving.auth.source_binding import SOURCES
from serving.problems import Forbidden, RateLimited, Unauthenticated, of_error

"""Probes, which whoever runs the service must be able to ask, and the page of the API, which a
browser loads without a credential. They tell of nobody."""
NEEDED: Mapping[str, Scope | None] = MappingProxyType(
    {
        "/score": Scope.SCORE,
        "/score_batch": Scope.SCORE,
        "/what_if": Scope.SCORE,
        "/events": Scope.INGEST,
        "/leads": Scope.READ,
        "/decisions": Scope.READ,
        APPROVALS: Scope.APPROVE,
        WORKFLOW: Scope.WORK,
        "/metrics": Scope.READ,
        TOOLS: None,  # each tool needs a scope of its own
        "/docs.json": None,
        "/schema.json": None,
        "/unknown": None,
    }
)
"""The scope that a path needs, None where any caller will do; a path not listed needs admin."""
LONG_BODY = 1 << 16
"""A refused request's body above this is not read to its end: the connection is closed."""
SIGNED = frozenset({("POST", APPROVALS), ("POST", WORKFLOW)})
"""What is recorded as done by a credential: that the caller is on this machine is not enough."""
_HERE = Caller(HERE, frozenset({Scope.ADMIN}))


class AccessMiddleware:
    """An ASGI application around another one.

    `open_here`: callers on this machine need no credential. `count` is called with each refusal.
    The credentials are closed when the application ends.
    """

    def __init__(
        self,
        app: ASGIApp,
        credentials: Credentials,
        rate: RateLimiter,
        *,
        open_here: bool,
        count: Callable[[AccessRefusal], None],
    ) -> None:
        self.app = app
        self.credentials = credentials
        self._rate = rate
        self._open_here = open_here
        self._count = count

    async def __call__(self, scope: Request, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        if scope["path"] not in OPEN:
            try:
                sent = _credential_in(scope)
                caller = self._caller(scope, sent)
                if caller is AccessRefusal.UNKNOWN_SIGNER:
                    await self._look_again()
                    caller = self._caller(scope, sent)
                self._admit(scope, caller)
            except LeadscoreError as error:
                await _response(error, scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _other(self, scope: Request, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        try:
            await self.app(scope, receive, send)
        finally:
            self.credentials.close()

    def _caller(self, scope: Request, sent: str | None) -> Caller | AccessRefusal:
        """Who asks. Raises Unavailable."""
        if sent is None:
            here = self._open_here and made_here(scope) and not _signed(scope)
            return _HERE if here else AccessRefusal.MISSING
        try:
            return self.credentials.check(sent)
        except Unavailable:
            self._count(AccessRefusal.UNAVAILABLE)
            raise

    async def _look_again(self) -> None:
        tokens = self.credentials.tokens
        if tokens is not None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(tokens.looking, tokens.look_again)

    def _admit(self, scope: Request, caller: Caller | AccessRefusal) -> None:
        """Raise Unauthenticated, Forbidden or RateLimited unless it may go on."""
        who = caller.caller_id if isinstance(caller, Caller) else _peer(scope)
        wait_s = self._rate.wait_s(who)
        if wait_s:
            self._count(AccessRefusal.RATE)
            raise _rate_limited(wait_s)
        if not isinstance(caller, Caller):
            self._count(caller)
            raise _unauthenticated()
        needed = NEEDED.get(scope["path"], Scope.ADMIN)
        if needed is not None and not caller.may(needed):
            self._count(AccessRefusal.SCOPE)
            raise _forbidden()
        if _signed(scope) and not caller.is_named():
            self._count(AccessRefusal.SCOPE)
            raise _nameless()
        scope[CALLER] = caller.caller_id
        scope[SCOPES] = caller.scopes
        scope[SOURCES] = caller.sources


def _signed(scope: Request) -> bool:
    return (scope["method"], scope["path"]) in SIGNED


def _credential_in(scope: Request) -> str | None:
    """The credential, "" where it cannot be one, None where none is sent.

    It is taken out of the request: whatever comes after cannot tell it to a log or a trace.
    """
    headers = scope["headers"]
    header = dict(headers).get(b"authorization")
    if header is None:
        return None
    scope["headers"] = kept = [pair for pair in headers if pair[0] != b"authorization"]
    scheme, _, sent = header.partition(b" ")
    if len(kept) != len(headers) - 1 or scheme.lower() != b"bearer" or not sent.isascii():
        return ""
    return str(sent.strip(), "ascii")


def _peer(scope: Request) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _response(error: LeadscoreError, scope: Request) -> Response:
    headers = {"connection": "close"} if _long_body(scope) else {}
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = 'Bearer realm="leadscore"'
    if isinstance(error, RateLimited):
        headers["retry-after"] = str(error.retry_after_s)
    return of_error(error).response(headers)


def _long_body(scope: Request) -> bool:
    if scope["method"] in {"GET", "HEAD"}:
        return False
    lengths = [int(value) for name, value in scope["headers"] if name == b"content-length"]
    return not lengths or lengths[0] > LONG_BODY


def _unauthenticated() -> Unauthenticated:
    return Unauthenticated(
        "A valid credential is required: it is missing, wrong, expired or revoked",
        rule="credential",
        todo="Send a key or a token as `Authorization: Bearer ...`.",
    )


def _forbidden() -> Forbidden:
    return Forbidden("The credential lacks the required scope", rule="scope")


def _nameless() -> Forbidden:
    return Forbidden(
        "The token has no subject: nobody could be recorded as who did this",
        rule="credential-named",
        todo="Send a key, or a token with `sub`.",
    )


def _rate_limited(wait_s: int) -> RateLimited:
    return RateLimited(
        "The caller exceeds its rate limit",
        rule="rate",
        todo="Retry after the time in Retry-After.",
        retry_after_s=wait_s,
    )
