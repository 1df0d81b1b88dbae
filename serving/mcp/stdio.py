"""The tools on the process's standard streams, for an assistant that starts this program."""

from collections.abc import Collection

import anyio
from mcp.server.stdio import stdio_server

from config.os_account import os_account
from config.settings import Settings
from jobs.assistants.caller import ToolCaller
from jobs.assistants.desk import ToolDesk
from serving.auth.api_keys import scopes_of
from serving.mcp.server import ToolServer
from wiring.serving import open_runtime


def serve_stdio(settings: Settings, scopes: Collection[str]) -> None:
    """Answer the client at the other end until it closes the stream.

    Who calls is the account of the operating system, with these scopes. Raises BadInput for a
    scope of no such name, and what opening the home raises.
    """
    may = frozenset(map(str, scopes_of(scopes)))
    caller = ToolCaller(credential=os_account(), scopes=may, transport="stdio")
    runtime = open_runtime(settings)
    try:
        anyio.run(_serve, ToolDesk(settings, lambda: runtime), caller)
    finally:
        runtime.close()


async def _serve(desk: ToolDesk, caller: ToolCaller) -> None:
    tools = ToolServer(desk, lambda _: caller)
    try:
        async with stdio_server() as (reading, writing):
            server = tools.server
            await server.run(reading, writing, server.create_initialization_options())
    finally:
        tools.close()
