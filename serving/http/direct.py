"""Endpoints that are answered in front of BentoML's layers, which cost more than most answers.

BentoML runs each request through a task for its timeout, spans for each message, Starlette's
routing, and metrics whose labels are looked up anew: half a millisecond, where a score takes one.
The endpoints named here do without, and keep what callers and operators see of those layers: the
metrics `bentoml_service_...`, the timeout, the ids of trace and request, the headers. Where traces
are recorded, BentoML's own layer makes the span. A layer that the configuration of BentoML adds
(CORS, an access log, a limit of concurrency) would not be passed: then BentoML answers everything.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, cast

import bentoml
from bentoml._internal.container import BentoMLContainer
from bentoml._internal.context import server_context, trace_context
from bentoml._internal.server.http.instruments import RunnerTrafficMetricsMiddleware
from bentoml._internal.server.http.traffic import TimeoutMiddleware
from opentelemetry import context, propagate, trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware, asgi_getter
from opentelemetry.propagators.textmap import Getter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving import problems
from serving.http import read_routes
from serving.http.endpoints import Came

Answers = Callable[[Any, Came], Awaitable[Response]]
"""From the service's instance and a request to the response."""

_REPLACED = {
    RunnerTrafficMetricsMiddleware.__name__,
    OpenTelemetryMiddleware.__name__,
    TimeoutMiddleware.__name__,
    "ContextMiddleware",
}
"""BentoML's layers whose work is done here."""
_ids = RandomIdGenerator()


def answer_directly(app: Starlette, answers: Mapping[str, Answers], *, traced: bool) -> None:
    """Let BentoML's application answer POSTs to these paths in front of its layers.

    `traced`: spans may be recorded. To be called before the application serves.
    """
    layers = {getattr(one.cls, "__name__", ""): one for one in app.user_middleware}
    timeout = layers.get(TimeoutMiddleware.__name__)
    if not layers.keys() <= _REPLACED or timeout is None:
        return
    span = layers.get(OpenTelemetryMiddleware.__name__) if traced else None
    timeout_s: Any = timeout.kwargs["timeout"]
    direct = Middleware(Direct, answers, timeout_s=timeout_s, span=span)
    app.user_middleware.insert(0, direct)


class Direct:
    """The outermost of BentoML's layers. `span` is its layer that makes a span, None for none."""

    def __init__(
        self,
        app: ASGIApp,
        answers: Mapping[str, Answers],
        *,
        timeout_s: float,
        span: Middleware | None,
    ) -> None:
        self.app = app
        self._answers = answers
        self._timeout_s = timeout_s
        self._traffic = Traffic(app) if isinstance(app, RunnerTrafficMetricsMiddleware) else None
        self._within: ASGIApp = (
            self._identified if span is None else span.cls(self._answer, *span.args, **span.kwargs)
        )
        self._of_caller = frozenset(propagate.get_global_textmap().fields)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to one of the paths; hand all others on."""
        ours = scope["type"] == "http" and scope["path"] in self._answers
        within = self._within if ours and scope["method"] == "POST" else self.app
        await within(scope, receive, send)

    async def _identified(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer within a span that is not recorded: its trace is the caller's, or a new one."""
        parent = trace.INVALID_SPAN_CONTEXT
        around: context.Context | None = None
        if any(name.decode("latin-1") in self._of_caller for name, _ in scope["headers"]):
            around = propagate.extract(scope, getter=cast("Getter[Scope]", asgi_getter))
            parent = trace.get_current_span(around).get_span_context()
        trace_id = parent.trace_id if parent.is_valid else _ids.generate_trace_id()
        span_context = trace.SpanContext(trace_id, _ids.generate_span_id(), is_remote=False)
        token = context.attach(
            trace.set_span_in_context(trace.NonRecordingSpan(span_context), around)
        )
        try:
            await self._answer(scope, receive, send)
        finally:
            context.detach(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, traffic = scope["path"], self._traffic
        began = time.perf_counter()
        if traffic is not None:
            traffic.began(path)
        status = None
        try:
            response = await self._response(scope, receive)
            headers = [*response.raw_headers, *_headers()]
            code = response.status_code
            await send({"type": "http.response.start", "status": code, "headers": headers})
            status = code
            await send({"type": "http.response.body", "body": response.body})
        finally:
            if traffic is not None:  # counted once the answer is on its way
                seconds = time.perf_counter() - began
                asyncio.get_running_loop().call_soon(traffic.ended, path, status, seconds)

    async def _response(self, scope: Scope, receive: Receive) -> Response:
        answer = self._answers[scope["path"]]
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                request = Came(await _body(receive), scope)
                return await answer(bentoml.get_current_service(), request)
        except Exception as error:
            if limit.expired():
                return problems.of_status(504).response()
            return read_routes.failed(error)


async def _body(receive: Receive) -> bytes:
    """The body; empty where the caller went away: nobody is there to be answered."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _headers() -> list[tuple[bytes, bytes]]:
    """What BentoML says in the headers of each answer; a request has an id where spans are."""
    server, request_format, trace_format = _formats()
    headers = [server]
    if (request_id := trace_context.request_id) is not None:
        headers.append((b"x-bentoml-request-id", format(request_id, request_format).encode()))
    if trace_format is not None:
        trace_id = format(trace_context.trace_id, trace_format)
        headers.append((b"x-bentoml-trace-id", trace_id.encode()))
    return headers


@lru_cache(maxsize=1)
def _formats() -> tuple[tuple[bytes, bytes], str, str | None]:
    """The header that names the server, and how ids are written; None where none is asked for."""
    formats = BentoMLContainer.logging_formatting.get()
    traced = BentoMLContainer.http.response.trace_id.get()
    server = (b"server", f"BentoML Service/{server_context.service_name}".encode())
    return server, formats["span_id"], formats["trace_id"] if traced else None


class Traffic:
    """BentoML's own metrics of requests, the children of their labels kept.

    They are bounded: paths that are answered here, statuses that are ours.
    """

    def __init__(self, layer: Any) -> None:
        """`layer` is BentoML's, which has the instruments."""
        self._layer = layer
        self._in_progress = lru_cache(maxsize=None)(self._in_progress_at)
        self._headers_of = lru_cache(maxsize=None)(self._headers_with)
        self._newest: Any = None

    def began(self, path: str) -> None:
        """A request came."""
        if self._newest is None:
            self._set_up()
        self._newest.set_to_current_time()
        self._in_progress(path).inc()

    def ended(self, path: str, status: int | None, seconds: float) -> None:
        """Nobody works on it any more; it was answered with this status, None where it was not."""
        if status is not None:
            count, duration = self._headers_of(path, status)
            count.inc()
            duration.observe(seconds)
        self._in_progress(path).dec()

    def _set_up(self) -> None:
        if not self._layer._is_setup:
            self._layer._setup()
        self._newest = self._layer.metrics_last_request_timestamp.labels(**_service())

    def _in_progress_at(self, path: str) -> Any:
        return self._layer.metrics_request_in_progress.labels(endpoint=path, **_service())

    def _headers_with(self, path: str, status: int) -> tuple[Any, Any]:
        labels = {"endpoint": path, "http_response_code": status, **_service()}
        layer = self._layer
        return (
            layer.metrics_request_total.labels(**labels),
            layer.metrics_request_duration.labels(**labels),
        )


def _service() -> dict[str, str]:
    return {
        "service_name": server_context.bento_name,
        "service_version": server_context.bento_version,
        "runner_name": server_context.service_name,
    }
