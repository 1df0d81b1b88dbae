"""The route of approvals: promotions that wait for a second person, and their completion.

Who approves is the credential that a request comes with, and nothing that its body says.
"""

from collections.abc import Callable
from typing import Any, Protocol

import bentoml
from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from domain.approvals import Approval, ApprovalRequest, PendingApproval
from serving.auth.caller import CALLER, credential_of
from serving.auth.open_paths import APPROVALS
from serving.http import schemas
from serving.http.read_routes import answered, guarded
from serving.problems import Saturated

AT_ONCE = 1
"""Approvals, and lists of them, that one process works on: scoring has its own threads."""
WAITING = 16
"""Those that may wait for that, before more are refused."""


class Approvals(Protocol):
    """What the service asks of a home's approvals: the port that `jobs.models.approvals` fills.

    Calls may block and are made from worker threads.
    """

    def pending(self) -> list[PendingApproval]:
        """The promotions that wait, the newest first. Raises Unavailable."""
        ...

    def approve(self, approval: ApprovalRequest, credential: str) -> Approval:
        """Complete one of them. Raises Missing, BadInput, Refused, Unavailable."""
        ...


def approval_route() -> Route:
    """The route that lists what waits, and takes approvals."""
    limiter = CapacityLimiter(AT_ONCE)

    async def apart(work: Callable[[], Any]) -> Response:
        if limiter.statistics().tasks_waiting >= WAITING:
            raise Saturated(
                "As many approvals are under way as the service takes.",
                rule="saturated",
                todo="Retry after the time in Retry-After.",
            )
        return answered(await to_thread.run_sync(work, limiter=limiter))

    async def approvals(request: Request) -> Response:
        approvals_of_home: Approvals = bentoml.get_current_service().approvals()
        if request.method != "POST":
            return await apart(lambda: {"approvals": approvals_of_home.pending()})
        approval = schemas.decode(ApprovalRequest, await _body(request))
        credential = credential_of(request.scope[CALLER])
        return await apart(lambda: approvals_of_home.approve(approval, credential))

    return Route(APPROVALS, guarded(approvals), methods=["GET", "POST"])


async def _body(request: Request) -> bytes:
    """The body; empty where the client disconnected: nobody waits for the answer."""
    try:
        return await request.body()
    except ClientDisconnect:
        return b""
