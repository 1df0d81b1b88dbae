"""An MCP server over the desk of tools: lists, calls, limits.

What a client is told of the tools is fixed when the program is written: nothing of a home, and so
nothing that anybody typed, is in a name, a description or the instructions.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib.metadata import version
from typing import Any

import mcp_types as types
import msgspec
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server

from domain.errors import LeadscoreError, Unavailable
from jobs.assistants.caller import ToolCaller
from jobs.assistants.desk import ToolDesk
from jobs.assistants.tools import INSTRUCTIONS, TOOLS, Tool

THREADS = 2
"""Calls that one process works on at the same time: scoring has its own threads."""
WAITING = 16
"""Calls that may wait for that, before more are refused."""
LIMIT_S = 30.0
"""How long a call may take before its caller is told so; the time in which it waits counts."""

CallerOf = Callable[[ServerRequestContext[Any, Any]], ToolCaller]


class ToolServer:
    """Answers an MCP client's requests. `caller_of` says who calls, from a request's context."""

    def __init__(self, desk: ToolDesk, caller_of: CallerOf, limit_s: float = LIMIT_S) -> None:
        self._desk = desk
        self._caller_of = caller_of
        self._limit_s = limit_s
        self._threads = ThreadPoolExecutor(THREADS, "tools")
        self._under_way = 0
        self.server: Server[Any] = Server(
            "leadscore",
            version=version("leadscore"),
            title="Lead scoring",
            instructions=INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
        )
        # its spans would hold whatever a client gives as a tool's name
        self.server.middleware.clear()

    def close(self) -> None:
        """Take no more calls."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _list(
        self,
        context: ServerRequestContext[Any, Any],
        _: types.PaginatedRequestParams | None,
    ) -> types.ListToolsResult:
        tools = self._desk.tools(self._caller_of(context))
        return types.ListToolsResult(tools=[described(tool.name) for tool in tools])

    async def _call(
        self, context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        caller, arguments = self._caller_of(context), params.arguments or {}
        try:
            answer = await self._within_limits(
                partial(self._desk.call, params.name, arguments, caller)
            )
        except LeadscoreError as error:
            problem = {"rule": error.rule, "detail": f"{error.what} {error.todo}".strip()}
            return types.CallToolResult(content=[_text({"error": problem})], is_error=True)
        fields = msgspec.json.decode(msgspec.json.encode(answer))
        return types.CallToolResult(content=[_text(fields)], structured_content=fields)

    async def _within_limits(self, work: Callable[[], Any]) -> Any:
        if self._under_way >= THREADS + WAITING:
            raise Unavailable(
                "As many calls are under way as the process takes.",
                rule="saturated",
                todo="Call again later.",
            )
        self._under_way += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(future), self._limit_s)
        except TimeoutError as late:
            raise Unavailable(
                f"The call took longer than {self._limit_s:g} s.",
                rule="timed-out",
                todo="Ask for less, or call again later.",
            ) from late

    def _done(self, future: "asyncio.Future[Any]") -> None:
        self._under_way -= 1
        if not future.cancelled():
            future.exception()  # whoever waited may have left: then nobody looks at it


@cache
def described(name: str) -> types.Tool:
    """A tool as a client is told of it."""
    tool: Tool = TOOLS[name]
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=f"{tool.text} Needs the scope `{tool.scope}`.",
        input_schema=schema_of(tool.takes),
        output_schema=schema_of(tool.gives),
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.reads,
            destructive_hint=False,
            idempotent_hint=tool.reads,
            open_world_hint=False,
        ),
    )


def schema_of(kind: type) -> dict[str, Any]:
    """The JSON Schema of a struct, an object at its root."""
    (_,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    root = parts.pop(kind.__name__)
    return {**root, "$defs": parts} if parts else root


def _text(fields: Any) -> types.TextContent:
    """The same data as JSON, for clients that do not read structured content."""
    return types.TextContent(type="text", text=msgspec.json.encode(fields).decode())
