"""The tools over HTTP, in front of the service's own routes and behind its access layer.

Stateless: each request is whole in itself, so that any worker process may answer it.
"""

from collections.abc import Callable
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.types import ASGIApp, Receive, Scope, Send

from config.settings import Settings
from jobs.assistants.caller import ToolCaller
from jobs.assistants.desk import ToolDesk
from serving import problems
from serving.auth.caller import CALLER, HERE, NOBODY, SCOPES, credential_of
from serving.auth.open_paths import TOOLS
from serving.http.edge_middleware import declared_length
from serving.mcp.server import ToolServer
from wiring.serving import ServingRuntime

LONGEST_BODY = 1 << 20
"""Bytes of one request: a policy that is proposed is the longest."""


class ToolsOverHttp:
    """An ASGI application around another: it answers `/mcp`, the other all else."""

    def __init__(
        self, app: ASGIApp, settings: Settings, runtime: Callable[[], ServingRuntime]
    ) -> None:
        self._app = app
        self._tools = ToolServer(ToolDesk(settings, runtime), caller_of)
        self._sessions = StreamableHTTPSessionManager(
            self._tools.server,
            json_response=True,
            stateless=True,
            max_request_body_size=LONGEST_BODY,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["type"] != "http" or scope["path"] != TOOLS:
            await self._app(scope, receive, send)
        elif scope["method"] != "POST":  # nothing is sent but what is asked for
            refused = problems.of_status(405).response({"allow": "POST"})
            await refused(scope, receive, send)
        elif (declared_length(scope) or 0) > LONGEST_BODY:
            # read to its end: a connection that closes on what is sent still loses the answer
            while (await receive()).get("more_body", False):
                pass
            await problems.of_status(413).response()(scope, receive, send)
        else:
            await self._sessions.handle_request(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._sessions.run():
            try:
                await self._app(scope, receive, send)
            finally:
                self._tools.close()


def caller_of(context: ServerRequestContext[Any, Any]) -> ToolCaller:
    """Who calls, as the access layer says in the request's scope."""
    scope = context.request.scope if context.request is not None else {}
    caller_id = scope.get(CALLER, NOBODY)
    named = caller_id not in (HERE, NOBODY)
    return ToolCaller(
        credential=credential_of(caller_id) if named else caller_id,
        scopes=frozenset(map(str, scope.get(SCOPES, ()))),
        transport="http",
        named=named,
    )
