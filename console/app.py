"""The console as an ASGI application: pages of a list, at one address, for those who may."""

from collections.abc import Callable, Iterable
from functools import partial

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from config.settings import Settings
from console.frame.assets import Assets
from console.frame.desk import COOKIE, Desk, DeskRequest
from console.frame.editor_files import EditorFiles
from console.frame.page import ConsolePage
from console.frame.parameters import MOST_BYTES
from console.frame.rendering import PageRenderer
from console.frame.visitor import ConsoleGate
from console.home import AskWhatIf, HomeKeeper
from console.page_list import PAGES

BASE = "/console"
"""Where the console is, whoever serves it."""
AT_ONCE = 4
"""Pages that one process works on at the same time."""
WAITING = 64
"""Those that may wait for that, before more are refused."""
_TEXT = "text/plain; charset=utf-8"


def console_app(
    settings: Settings,
    gate: ConsoleGate,
    *,
    ask: AskWhatIf | None = None,
    pages: Iterable[ConsolePage] = PAGES,
) -> ASGIApp:
    """The console of one home. `ask` answers what-if questions, where somebody has scoring open."""
    assets, editor = Assets(), EditorFiles()
    renderer = PageRenderer(BASE, assets, editor)
    desk = Desk(renderer, HomeKeeper(settings, ask), gate, BASE, settings.home.name)
    limiter = CapacityLimiter(AT_ONCE)

    def route(path: str, method: str, work: Callable[[DeskRequest], Response]) -> Route:
        return Route(BASE + path, partial(_answer, limiter, work), methods=[method])

    return Starlette(
        routes=[
            Route(BASE, _to_first),
            Route(BASE + "/", _to_first),
            Route(BASE + "/static/{digest}/{name}", assets.serve),
            Route(BASE + "/static/{digest}/editor/{name}", editor.serve),
            route("/enter", "GET", desk.door),
            route("/enter", "POST", desk.enter),
            route("/leave", "POST", desk.leave),
            *(route(page.path, page.method, partial(desk.page, page)) for page in pages),
            Route(BASE + "/{other:path}", partial(_answer, limiter, desk.unknown)),
        ]
    )


async def _to_first(_: Request) -> Response:
    return RedirectResponse(BASE + "/leads", 303)


async def _answer(
    limiter: CapacityLimiter, work: Callable[[DeskRequest], Response], request: Request
) -> Response:
    """The response of work that may block, done in a thread of its own."""
    if limiter.statistics().tasks_waiting >= WAITING:
        again = {"retry-after": "1"}
        return Response("The console is busy. Try again.", 503, again, media_type=_TEXT)
    body = await _body(request)
    if body is None:
        close = {"connection": "close"}
        return Response("The form is too large.", 413, close, media_type=_TEXT)
    one = DeskRequest(
        scope=request.scope,
        method=request.method,
        path=request.path_params,
        query=request.scope["query_string"],
        headers={name.lower(): value for name, value in request.headers.items()},
        session=request.cookies.get(COOKIE),
        body=body,
    )
    return await to_thread.run_sync(work, one, limiter=limiter)


async def _body(request: Request) -> bytes | None:
    """The body; None where it is longer than a form may be."""
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MOST_BYTES:
                return None
            chunks.append(chunk)
    except ClientDisconnect:
        return b""
    return b"".join(chunks)
