"""The boundary around applications that fail in ways the service itself never shows."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from serving.http.edge_middleware import EdgeMiddleware
from serving.problems import Problem


async def bug(_: Request) -> Response:
    raise RuntimeError("jo.doe@example.com")


def ask(app: ASGIApp, method: str = "GET") -> httpx.Response:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(EdgeMiddleware(app, {"/x"}), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
            return await http.request(method, "/x")

    return asyncio.run(go())


def test_a_bug_in_the_application_is_a_problem_that_keeps_its_secrets() -> None:
    answer = ask(Starlette(routes=[Route("/x", bug)]))
    assert answer.status_code == 500
    assert msgspec.json.decode(answer.content, type=Problem).rule == "internal"
    assert "jo.doe" not in answer.text


@pytest.mark.parametrize(
    ("status", "rule"),
    [(429, "too-many-requests"), (504, "timed-out"), (503, "not-ready"), (418, "bad-request")],
)
def test_what_the_server_itself_refuses_is_a_problem(status: int, rule: str) -> None:
    answer = ask(JSONResponse({"error": "jo.doe@example.com"}, status))
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert msgspec.json.decode(answer.content, type=Problem).rule == rule
    assert "jo.doe" not in answer.text


def test_a_head_request_gets_the_problems_headers_alone() -> None:
    answer = ask(PlainTextResponse("no", 404), "HEAD")
    assert (answer.status_code, answer.content) == (404, b"")
    assert int(answer.headers["content-length"]) > 0


def test_what_succeeds_passes_untouched() -> None:
    answer = ask(PlainTextResponse("yes", headers={"x-own": "1"}))
    assert (answer.text, answer.headers["x-own"]) == ("yes", "1")


def test_bodies_in_flight_are_bounded_in_sum() -> None:
    async def main() -> list[int]:
        go, under_way = asyncio.Event(), asyncio.Semaphore(0)

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            under_way.release()
            await go.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        boundary = EdgeMiddleware(slow, {"/x"}, most=100)
        transport = httpx.ASGITransport(boundary)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:

            def ask(size: int) -> asyncio.Task[httpx.Response]:
                headers = {"content-type": "application/json"}
                return asyncio.ensure_future(
                    client.post("/x", content=b"x" * size, headers=headers)
                )

            first = ask(60)
            await under_way.acquire()
            refused = await ask(60)
            small = ask(40)
            await under_way.acquire()
            empty = ask(0)
            await under_way.acquire()
            go.set()
            done = [await one for one in (first, small, empty)]
            after = await ask(60)
        assert refused.json()["rule"] == "bodies-in-flight"
        assert "retry-after" in refused.headers
        return [r.status_code for r in (refused, *done, after)]

    assert asyncio.run(main()) == [503, 200, 200, 200, 200]
