"""The service with one endpoint more, which does nothing: the floor of what others can do."""

from starlette.responses import Response

from domain.scores import ScoreAnswer
from serving import service
from serving.http import schemas
from serving.http.endpoints import Came, endpoint
from serving.service import Api, make_service

PATH = "/noop"
service.PATHS |= {PATH}


class NoopApi(Api):
    """All endpoints, and one that takes what `/score` takes and answers at once."""

    @endpoint(schemas.ScoreRequest, ScoreAnswer)
    async def noop(self, came: Came, /) -> Response:
        """Nothing."""
        return Response(b"{}", media_type="application/json")


Noop = make_service(NoopApi, "Noop")
