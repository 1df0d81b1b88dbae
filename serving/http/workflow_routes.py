"""The route of the workflow: where a lead stands, and what its owner does with it.

Who acts is the credential that a request comes with, and nothing that its body says.
"""

from collections.abc import Callable
from typing import Any, Protocol

import bentoml
from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from serving.auth.caller import CALLER, credential_of
from serving.auth.open_paths import WORKFLOW
from serving.http import schemas
from serving.http.read_routes import answered, guarded
from serving.problems import Saturated
from workflow.actions import LeadAction, LeadStanding

AT_ONCE = 2
"""Requests of people that one process works on: scoring has its own threads."""
WAITING = 64
"""Those that may wait for that, before more are refused."""


class LeadWorkflow(Protocol):
    """What the service asks of a home's workflow: the port that `jobs.workflow.people` fills.

    Calls may block and are made from worker threads.
    """

    def standing(self, lead_id: str) -> LeadStanding:
        """Where a lead stands. Raises Missing, Unavailable."""
        ...

    def act(self, action: LeadAction, by: str) -> LeadStanding:
        """Do something with a lead. Raises Missing, BadInput, Refused, Unavailable."""
        ...


def workflow_route() -> Route:
    """The route that says where a lead stands, and takes what people do with it."""
    limiter = CapacityLimiter(AT_ONCE)

    async def apart(work: Callable[[], Any]) -> Response:
        if limiter.statistics().tasks_waiting >= WAITING:
            raise Saturated(
                "As many people act on leads at once as the service takes.",
                rule="saturated",
                todo="Retry after the time in Retry-After.",
            )
        return answered(await to_thread.run_sync(work, limiter=limiter))

    async def workflow(request: Request) -> Response:
        of_home: LeadWorkflow = bentoml.get_current_service().workflow()
        if request.method != "POST":
            query = schemas.query(request.query_params.multi_items(), schemas.StandingQuery)
            return await apart(lambda: of_home.standing(query.lead_id))
        action = schemas.decode(LeadAction, await _body(request))
        credential = credential_of(request.scope[CALLER])
        return await apart(lambda: of_home.act(action, credential))

    return Route(WORKFLOW, guarded(workflow), methods=["GET", "POST"])


async def _body(request: Request) -> bytes:
    """The body; empty where the client disconnected: nobody waits for the answer."""
    try:
        return await request.body()
    except ClientDisconnect:
        return b""
