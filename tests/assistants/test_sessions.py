"""Real clients: on standard streams, over HTTP, of both eras of the protocol."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import httpx
import httpx2
import msgspec
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from domain.decisions import PolicyQuestion
from jobs.assistants.journal import open_journal
from jobs.assistants.tools import INSTRUCTIONS, TOOLS
from serving.auth.api_key_store import open_keys
from serving.mcp.server import ToolServer
from serving.supervisor import running
from tests.assistants.conftest import Desk
from tests.assistants.homes import READER
from tests.commands import environment_of
from tests.conftest import ROOT

PROPOSING = {"propose_policy", "request_promotion", "record_outcome"}
ACTING = {"accept_lead", "reject_lead"}
WAIT_S = 120.0
MODES = ("auto", "legacy")


def on_streams(desk: Desk, *scopes: str, mode: str = "auto") -> Client:
    """A client that starts the program."""
    words = [word for scope in scopes for word in ("--scope", scope)]
    return Client(
        StdioServerParameters(
            command=sys.executable,
            args=["-m", "leadscore", "mcp", *words],
            env={**environment_of(desk.settings.home), "PYTHONPATH": str(ROOT)},
        ),
        mode=mode,
        read_timeout_seconds=WAIT_S,
    )


async def session(client: AbstractAsyncContextManager[Client], lead: str) -> dict[str, Any]:
    """Connect, list, call; what came."""
    async with client as connected:
        tools = {tool.name: tool for tool in (await connected.list_tools()).tools}
        found = await connected.call_tool("find_lead", {"lead_id": lead})
        unknown = await connected.call_tool("find_lead", {"lead_id": "lead_nobody"})
        return {
            "tools": tools,
            "instructions": connected.instructions,
            "found": found,
            "unknown": unknown,
        }


def check(told: dict[str, Any], lead: str, names: set[str]) -> None:
    assert told["instructions"] == INSTRUCTIONS
    assert set(told["tools"]) == names
    for name, tool in told["tools"].items():
        assert tool.annotations.read_only_hint == (name not in PROPOSING | ACTING)
        assert tool.annotations.destructive_hint is False
        assert tool.output_schema["type"] == tool.input_schema["type"] == "object"
        assert tool.input_schema["additionalProperties"] is False
    found = told["found"]
    assert not found.is_error
    assert found.structured_content["lead_id"] == lead
    assert json.loads(found.content[0].text) == found.structured_content
    assert told["unknown"].is_error
    assert json.loads(told["unknown"].content[0].text)["error"]["rule"] == "unknown-lead"


READING = {name for name, tool in TOOLS.items() if tool.scope in ("read", "score")}


@pytest.mark.parametrize("mode", MODES)
def test_a_session_on_standard_streams(desk: Desk, mode: str) -> None:
    told = anyio.run(session, on_streams(desk, mode=mode), desk.leads[0])
    check(told, desk.leads[0], READING)
    newest = open_journal(desk.settings).entries(1)[0]
    assert newest.transport == "stdio"
    assert newest.caller.startswith("os:")


def test_a_scope_on_standard_streams_is_what_it_takes(desk: Desk) -> None:
    told = anyio.run(session, on_streams(desk, "read", "propose"), desk.leads[0])
    check(told, desk.leads[0], {n for n, t in TOOLS.items() if t.scope in ("read", "propose")})


@pytest.fixture(scope="module")
def service(desk: Desk) -> Iterator[str]:
    settings = msgspec.structs.replace(desk.settings, mcp=True, access="required")
    open_keys(settings).create("first", ["read"])
    with running(settings) as url:
        yield url


def key(desk: Desk, *scopes: str) -> str:
    secret = open_keys(desk.settings).create("tests", scopes)[1]
    time.sleep(2)  # the service reads keys once a second
    return secret


async def over_http(url: str, secret: str, lead: str, mode: str) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx2.AsyncClient(headers=headers, timeout=WAIT_S) as http:
        transport = streamable_http_client(f"{url}/mcp", http_client=http)
        return await session(Client(transport, mode=mode, read_timeout_seconds=WAIT_S), lead)


@pytest.mark.parametrize("mode", MODES)
def test_a_session_over_http(desk: Desk, service: str, mode: str) -> None:
    secret = key(desk, "read")
    told = anyio.run(over_http, service, secret, desk.leads[0], mode)
    check(told, desk.leads[0], READING - {"what_if"})
    newest = open_journal(desk.settings).entries(1)[0]
    assert newest.transport == "http"
    assert newest.caller == f"key:{secret.split('_')[1]}"


def test_without_a_credential_there_is_no_session(desk: Desk, service: str) -> None:
    before = open_journal(desk.settings).verify().count
    with pytest.raises((MCPError, ExceptionGroup, httpx2.HTTPError)):
        anyio.run(over_http, service, "lsk_0011_wrong", desk.leads[0], "legacy")
    assert httpx.post(f"{service}/mcp", json={}).status_code == 401
    assert open_journal(desk.settings).verify().count == before


def test_what_is_no_call_is_a_problem_document(desk: Desk, service: str) -> None:
    headers = {"authorization": f"Bearer {key(desk, 'score')}"}
    with httpx.Client(base_url=service, headers=headers) as http:
        assert http.get("/mcp").status_code == 405
        for answer in (http.post("/mcp", json={"x": 1}), http.post("/mcp", content=b"{")):
            assert 400 <= answer.status_code < 500
            assert answer.headers["content-type"] == "application/problem+json"
        large = http.post("/mcp", json={"x": "y" * (2 << 20)})
        assert large.status_code == 413
        assert http.post("/score", json={"lead_id": desk.leads[0]}).status_code == 200


def test_a_service_that_is_not_asked_has_no_tools_and_does_not_load_them(desk: Desk) -> None:
    with running(msgspec.structs.replace(desk.settings, access="loopback")) as url:
        assert httpx.post(f"{url}/mcp", json={}).status_code == 404
    program = "import sys, serving.service; sys.exit(bool({'mcp', 'mcp_types'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


class SlowDesk:
    """A desk whose calls take their time."""

    def tools(self, _: object) -> list[object]:
        return []

    def call(self, *_: object) -> object:
        time.sleep(0.5)
        return PolicyQuestion()


def test_a_call_that_takes_too_long_is_given_up(desk: Desk) -> None:
    slow = ToolServer(SlowDesk(), lambda _: READER, limit_s=0.1)  # type: ignore[arg-type]

    async def ask() -> tuple[float, Any]:
        async with Client(slow.server) as client:
            began = time.monotonic()
            answer = await client.call_tool("find_lead", {})
            return time.monotonic() - began, answer

    took, answer = anyio.run(ask)
    slow.close()
    assert took < 0.4
    assert json.loads(answer.content[0].text)["error"]["rule"] == "timed-out"


def test_more_calls_than_may_wait_are_refused(desk: Desk) -> None:
    slow = ToolServer(SlowDesk(), lambda _: READER, limit_s=30)  # type: ignore[arg-type]
    answers: list[Any] = []

    async def one(client: Client) -> None:
        answers.append(await client.call_tool("find_lead", {}))

    async def ask() -> None:
        async with Client(slow.server) as client, anyio.create_task_group() as group:
            for _ in range(30):
                group.start_soon(one, client)

    anyio.run(ask)
    slow.close()
    rules = [json.loads(a.content[0].text)["error"]["rule"] for a in answers if a.is_error]
    assert rules.count("saturated") == 12
    assert len(answers) == 30
