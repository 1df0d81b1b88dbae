"""The outermost layer: bounds what comes in, and makes every error that leaves a problem document.

It stands outside BentoML's own middlewares, because some of their errors (timeout, too many
requests) never pass an inner one, and because their metrics take the path as a label: only paths
from a fixed list may reach them, or a caller could grow the metrics without bound.
"""

from collections.abc import Collection
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import Unavailable
from serving import problems
from serving.http import cloudevents
from serving.http.schemas import MAX_BODY_BYTES

DECISIONS = "/decisions"
EVENTS = "/events"
UNKNOWN = "/unknown"
"""The path that stands for all that the service does not know."""


IN_FLIGHT_BYTES = 128 << 20
"""Bytes of all bodies together that a worker process holds at once."""


class EdgeMiddleware:
    """An ASGI application around another; `paths` are those it lets through as they are.

    While the bodies of requests under way come to `most` bytes, a request with a body is refused
    (503, Retry-After). A body of unknown length counts as the longest that is taken.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str], most: int = IN_FLIGHT_BYTES) -> None:
        self.app = app
        self.paths = frozenset(paths)
        self._most = most
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; all but HTTP passes untouched."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send, scope["method"] == "HEAD")
        refusal = _refusal(scope)
        if refusal is not None:
            await problems.of_status(refusal).response({"connection": "close"})(
                scope, receive, send
            )
            return
        declared = declared_length(scope)
        size = _chunked_size(scope) if declared is None else declared
        if size and self._in_flight + size > self._most:
            refused = problems.of_error(_too_much_in_flight())
            await refused.response({"connection": "close"})(scope, receive, send)
            return
        self._bound_path(scope)
        body = _Counted(receive, answer) if declared is None else receive
        self._in_flight += size
        try:
            await self.app(scope, body, answer)
        finally:
            self._in_flight -= size

    def _bound_path(self, scope: Scope) -> None:
        path = scope["path"]
        if path in self.paths:
            return
        wanted = path.removeprefix(f"{DECISIONS}/")
        if wanted not in {"", path}:
            scope["path_params"] = {"decision_id": wanted}
            path = DECISIONS
        else:
            path = UNKNOWN
        scope["path"] = path
        scope["raw_path"] = path.encode()


class _Answer:
    """Passes an answer on; an error that is no problem document is replaced by one."""

    def __init__(self, send: Send, headless: bool) -> None:  # noqa: FBT001
        self.send = send
        self.headless = headless
        self.too_large = False
        self.replaced = False

    async def __call__(self, message: Message) -> None:
        if message["type"] != "http.response.start":
            if not self.replaced:
                await self.send(message)
            return
        status = 413 if self.too_large else message["status"]
        if status < 400 or (_is_problem(message) and not self.too_large):
            await self.send(message)
            return
        self.replaced = True
        kept = {k.decode(): v.decode() for k, v in message["headers"] if k.lower() == b"allow"}
        response = problems.of_status(status).response(kept)
        await self.send(
            {"type": "http.response.start", "status": status, "headers": response.raw_headers}
        )
        body = b"" if self.headless else response.body
        await self.send({"type": "http.response.body", "body": body})


class _Counted:
    """Receives a body of unknown length, up to the limit; beyond it the body ends early."""

    def __init__(self, receive: Receive, answer: _Answer) -> None:
        self.receive = receive
        self.answer = answer
        self.seen = 0

    async def __call__(self) -> Message:
        message = await self.receive()
        self.seen += len(message.get("body", b""))
        if self.seen <= MAX_BODY_BYTES:
            return message
        self.answer.too_large = True
        return {"type": "http.request", "body": b"", "more_body": False}


def _refusal(scope: Scope) -> int | None:
    """The status a request is refused with before it is read, or None."""
    if scope["method"] != "POST":
        return None
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > MAX_BODY_BYTES:
            return 413
        if name == b"content-type":
            media = value.split(b";", 1)[0].strip().lower()
            of_events = scope["path"] == EVENTS and cloudevents.takes(scope["headers"])
            if media != b"application/json" and not of_events:
                return 415
        if name == b"content-encoding" and value.lower() != b"identity":
            return 415
    return None


def declared_length(scope: Scope) -> int | None:
    """The length of a request's body where a header gives it."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), None)


def _chunked_size(scope: Scope) -> int:
    """The bytes that a body without a length counts as: the longest that is taken."""
    chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
    return MAX_BODY_BYTES if chunked else 0


def _too_much_in_flight() -> Unavailable:
    return Unavailable(
        "Too many request bytes are in flight in this process.",
        rule="bodies-in-flight",
        todo="Retry after the time in Retry-After, or send smaller requests.",
    )


def _is_problem(message: Any) -> bool:
    return (b"content-type", problems.MEDIA_TYPE.encode()) in message["headers"]
