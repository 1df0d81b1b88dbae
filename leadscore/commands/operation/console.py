"""The command that shows the console in a browser."""

from typing import Annotated

import typer

from config.extras import require
from console import PORT
from leadscore.terminal.output import put


def console(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = PORT,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
) -> None:
    """Look and act in a browser: leads, versions, rollouts, policies, data, audit, the loop.

    Prints an address that logs you in once. Ends with Ctrl-C.
    """
    require("serve")
    from config.settings import load_settings, quiet_libraries

    quiet_libraries()
    from serving.console_server import serve_console

    serve_console(load_settings(), host, port, put)
