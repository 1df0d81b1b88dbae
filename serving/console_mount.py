"""The console under `/console` of the service, with the service's own access."""

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Request

from config.settings import Settings
from console.app import BASE, console_app
from console.home import AskWhatIf
from serving.auth.console_gate import ServiceGate
from serving.auth.factory import gate_rules
from serving.auth.middleware import AccessMiddleware


class ConsoleMount:
    """An ASGI application: the console at its address, another one everywhere else."""

    def __init__(self, app: ASGIApp, console: ASGIApp) -> None:
        self.app = app
        self.console = console

    async def __call__(self, scope: Request, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        here = scope["type"] == "http" and (path == BASE or path.startswith(f"{BASE}/"))
        await (self.console if here else self.app)(scope, receive, send)


def mounted(
    app: ASGIApp, guarded: AccessMiddleware, settings: Settings, ask: AskWhatIf
) -> ConsoleMount:
    """The service with the console beside it: who may use the one may use the other."""
    gate = ServiceGate(settings, guarded.credentials, gate_rules(settings))
    return ConsoleMount(app, console_app(settings, gate, ask=ask))
