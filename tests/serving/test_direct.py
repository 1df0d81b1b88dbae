"""What is answered in front of BentoML's layers keeps what callers and operators see of them."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import bentoml
import httpx
import pytest
from bentoml._internal.server.http.traffic import TimeoutMiddleware
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from serving import problems
from serving.http.direct import answer_directly
from serving.http.endpoints import Came
from tests.serving.double import KNOWN

COUNT = re.compile(
    r'bentoml_service_request_total\{endpoint="/score",http_response_code="(\d+)"[^}]*\} ([\d.]+)'
)
SPAN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def counts(http: httpx.Client) -> dict[str, float]:
    return {status: float(n) for status, n in COUNT.findall(http.get("/metrics").text)}


def test_its_headers_are_those_of_bentoml_s_own_answers(http: httpx.Client) -> None:
    changes = {"lead_id": KNOWN[0], "changes": {"employees": 5}}
    direct = http.post("/score", json={"lead_id": KNOWN[0]})
    own = http.post("/what_if", json=changes)
    assert direct.headers.keys() == own.headers.keys()
    assert direct.headers["server"] == own.headers["server"] == "BentoML Service/Double"


def test_bentoml_s_metrics_count_it_by_status(http: httpx.Client) -> None:
    before = counts(http)
    assert http.post("/score", json={"lead_id": KNOWN[0]}).status_code == 200
    assert http.post("/score", json={"lead_id": "lead_nobody"}).status_code == 404
    assert http.post("/score", json={}).status_code == 422
    after = counts(http)
    assert {s: after[s] - before.get(s, 0) for s in ("200", "404", "422")} == dict.fromkeys(
        ("200", "404", "422"), 1.0
    )
    page = http.get("/metrics").text
    seconds = r'request_duration_seconds_count\{endpoint="/score",http_response_code="422"'
    assert re.search(f"bentoml_service_{seconds}", page)
    (under_way,) = re.findall(
        r'bentoml_service_request_in_progress\{endpoint="/score"[^}]*\} ([\d.]+)', page
    )
    assert float(under_way) == 0
    assert "bentoml_service_last_request_timestamp_seconds{" in page


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_other_methods_are_refused_as_ever(http: httpx.Client, method: str) -> None:
    answer = http.request(method, "/score")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


Answer = Callable[[Any, Came], Awaitable[Response]]


async def behind(_: Request) -> Response:
    return PlainTextResponse("behind")


async def said(_: object, came: Came) -> Response:
    return PlainTextResponse(came.body)


async def hangs(_: object, came: Came) -> Response:
    await asyncio.sleep(60)
    return PlainTextResponse(came.body)


async def timed_out_itself(_: object, came: Came) -> Response:
    raise TimeoutError("jo.doe@example.com")


def ask(
    answer: Answer,
    monkeypatch: pytest.MonkeyPatch,
    *layers: Middleware,
    traced: bool = False,
    timeout: float = 60.0,
) -> httpx.Response:
    async def content() -> Any:
        for part in (b"in ", b"parts"):
            yield part

    async def go() -> httpx.Response:
        app = Starlette(
            routes=[Route("/x", behind, methods=["POST"])],
            middleware=[*layers, Middleware(TimeoutMiddleware, timeout=timeout)],
        )
        answer_directly(app, {"/x": answer}, traced=traced)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://service"
        ) as http:
            return await http.post("/x", content=content(), headers={"traceparent": SPAN})

    monkeypatch.setattr(bentoml, "get_current_service", lambda: None)
    return asyncio.run(go())


def test_a_body_in_parts_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(said, monkeypatch).text == "in parts"


def test_what_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ask(hangs, monkeypatch, timeout=0.05)
    assert (answer.status_code, answer.json()["rule"]) == (504, "timed-out")


def test_a_fault_of_its_own_is_no_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ask(timed_out_itself, monkeypatch)
    assert (answer.status_code, answer.json()["rule"]) == (500, "internal")
    assert "jo.doe" not in answer.text


def test_a_layer_that_bentoml_is_configured_to_add_is_not_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cors = Middleware(CORSMiddleware, allow_origins=["*"])
    assert ask(said, monkeypatch, cors).text == "behind"


def test_where_spans_are_recorded_bentoml_s_own_layer_makes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    layer = Middleware(OpenTelemetryMiddleware, tracer_provider=provider)

    async def traced(_: object, _came: Came) -> Response:
        return PlainTextResponse(problems.trace_id())

    for recorded in (True, False):
        spans.clear()
        answer = ask(traced, monkeypatch, layer, traced=recorded)
        assert answer.text == SPAN.split("-")[1]
        assert ("POST /x" in {one.name for one in spans.get_finished_spans()}) is recorded
