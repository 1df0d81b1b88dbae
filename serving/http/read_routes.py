"""The routes that only read: leads, decisions, the API's description."""

import logging
import traceback
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import bentoml
import msgspec
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from config.extras import missing_extra
from domain.errors import LeadscoreError
from serving import problems
from serving.auth.open_paths import ASSETS, PAGE, START
from serving.http import docs_page, schemas
from serving.http.edge_middleware import DECISIONS
from serving.http.openapi import describe

if TYPE_CHECKING:
    from wiring.serving import ServingRuntime

JSON = "application/json"
_log = logging.getLogger("bentoml.leadscore")


def failed(error: Exception) -> Response:
    """The problem response of an error.

    One that nobody foresaw is logged by its type and place under the trace id, never by its
    message, which could hold personal data.
    """
    if isinstance(error, problems.Saturated):
        return problems.of_error(error).response({"retry-after": str(error.retry_after_s)})
    if isinstance(error, LeadscoreError):
        return problems.of_error(error).response()
    missing = missing_extra(error.name) if isinstance(error, ModuleNotFoundError) else None
    if missing is not None:
        return problems.of_error(missing, HTTPStatus.SERVICE_UNAVAILABLE).response()
    problem = problems.internal()
    place = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s, %s\n%s", problem.instance, type(error).__name__, place)
    return problem.response()


def answered(value: Any) -> Response:
    """The response that carries a value as JSON."""
    return Response(msgspec.json.encode(value), media_type=JSON)


def guarded(
    read: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that answers errors with problem documents."""

    async def endpoint(request: Request) -> Response:
        try:
            return await read(request)
        except Exception as error:
            return failed(error)

    return endpoint


def _runtime() -> "ServingRuntime":
    runtime: ServingRuntime = bentoml.get_current_service().runtime()
    return runtime


async def _leads(request: Request) -> Response:
    query = schemas.query(request.query_params.multi_items(), schemas.LeadsQuery)
    fields = msgspec.structs.asdict(query)
    rows, following = await to_thread.run_sync(lambda: _runtime().leads(**fields))
    return answered({"leads": rows, "next_cursor": following})


async def _decision(request: Request) -> Response:
    if "decision_id" not in request.path_params:
        parameters = schemas.query(request.query_params.multi_items(), schemas.DecisionsQuery)
        query, page = parameters.decisions(), (parameters.limit, parameters.cursor)
        records, following = await to_thread.run_sync(lambda: _runtime().decisions(query, *page))
        return answered({"decisions": records, "next_cursor": following})
    wanted = schemas.decision_key(request.path_params.get("decision_id"))
    return answered(await to_thread.run_sync(lambda: _runtime().decision(wanted)))


async def _description(_: Request) -> Response:
    return answered(describe())


def reading_app(*others: Route) -> Starlette:
    """The application with the routes that only read, and with others."""
    return Starlette(
        routes=[
            *others,
            Route("/leads", guarded(_leads)),
            Route(DECISIONS, guarded(_decision)),
            Route("/docs.json", guarded(_description)),
            Route(PAGE, guarded(docs_page.page)),
            Route(START, guarded(docs_page.start)),
            *(Route(path, guarded(docs_page.asset(path))) for path in ASSETS),
        ]
    )
