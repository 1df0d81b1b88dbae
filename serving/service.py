"""The Bento: `serving.service:LeadScoring`.

Scoring runs in worker threads: a slow disk or a database lock then delays those who wait for it,
and not the probes. Nothing is opened before a worker starts, so that building a Bento and
supervising workers stay light.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from threading import Lock
from typing import Any, ClassVar, TypeVar, cast

import bentoml
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from domain.errors import LeadscoreError, NoModel, Unavailable
from domain.scores import ScoreAnswer
from domain.signals import Counts
from domain.what_if import WhatIf, WhatIfRequest
from serving import bodies, openapi, problems, routes
from serving.boundary import DECISIONS, UNKNOWN, Boundary
from serving.intake import Intake
from serving.intake_metrics import GateMetrics, IntakeMetrics
from serving.runtime import Runtime

THREADS = 4
"""Requests that one worker process scores at the same time."""
INTAKE_THREADS = 8
"""Event requests that one worker process takes in at the same time."""
NOT_READY = 503
PATHS = frozenset(
    {
        "/score",
        "/score_batch",
        "/what_if",
        "/events",
        "/leads",
        "/livez",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    | {"/docs.json", "/schema.json"}
)
"""All that is served, but for `/decisions/{id}`."""

Method = TypeVar("Method", bound=Callable[..., Any])


def _spec(kind: type) -> type:
    """BentoML's description of a body: the schema is that of a msgspec type.

    The body itself is handed to the method as it came: it is decoded there, where an error
    becomes a problem document; BentoML would log it, with the values that were sent.
    """

    class Spec(bentoml.IODescriptor):  # type: ignore[misc]
        __root_input__: ClassVar[bool] = True

        @classmethod
        def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
            return openapi.schema_of(kind)

        @classmethod
        async def from_http_request(cls, request: Request, _serde: object) -> bytes:
            return await request.body()

    Spec.__name__ = kind.__name__
    return Spec


def _api(takes: type, gives: type) -> Callable[[Method], Method]:
    """Make a method an endpoint that takes and gives JSON of these schemas."""
    made = bentoml.api(input_spec=_spec(takes), output_spec=_spec(gives))
    return cast("Callable[[Method], Method]", made)


class Api:
    """The endpoints, over whatever runtime `open_runtime` opens.

    Where it cannot be opened yet (an empty home), the service lives, says so on `/readyz` and
    tries again whenever it is asked: it needs no restart once a model is there.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "score")
        self._intake_threads = ThreadPoolExecutor(INTAKE_THREADS, "events")
        self._intake = Intake(self.events_waiting())
        self._metrics = IntakeMetrics(self._intake)
        self._gates = GateMetrics()
        self._opening = Lock()
        self._runtime: Runtime | None = None
        with suppress(LeadscoreError):
            self.runtime()

    def runtime(self) -> Runtime:
        """The opened runtime. Raises NoModel or Unavailable where it cannot be opened."""
        with self._opening:
            if self._runtime is None:
                try:
                    self._runtime = self.open_runtime()
                except Unavailable:
                    raise
                except LeadscoreError as error:
                    raise NoModel(error.what, rule=error.rule, todo=error.todo) from error
            return self._runtime

    def open_runtime(self) -> Runtime:
        """Open what the settings name."""
        from wiring.serving import open_runtime
        from wiring.settings import load_settings

        return open_runtime(load_settings())

    def events_waiting(self) -> int:
        """How many events may be in flight at once, in this process."""
        from wiring.settings import load_settings

        return load_settings().events_waiting

    @_api(bodies.ScoreRequest, ScoreAnswer)
    async def score(self, body: bytes, /) -> Response:
        """Score one lead, by its id or by identifiers of it."""
        return await self._answer(self._score, body)

    @_api(bodies.BatchRequest, openapi.BatchAnswer)
    async def score_batch(self, body: bytes, /) -> Response:
        """Score many leads; unknown ones are listed, and fail no other."""
        return await self._answer(self._score_batch, body)

    @_api(WhatIfRequest, WhatIf)
    async def what_if(self, body: bytes, /) -> Response:
        """Score a lead as if its features were otherwise; nothing is decided or recorded."""
        return await self._answer(self._what_if, body)

    @_api(bodies.EventsRequest, Counts)
    async def events(self, body: bytes, /) -> Response:
        """Take events in; all that are accepted are committed when this answers.

        Answers 429 with Retry-After while as many events are in flight as the settings allow.
        """
        try:
            documents = [bytes(e) for e in bodies.decode(bodies.EventsRequest, body).events]
            with self._intake.admitted(len(documents)):
                self._metrics.admitted()
                take = partial(self._events, documents, time.monotonic())
                return await self._in(self._intake_threads, take, b"")
        except problems.Saturated as error:
            self._metrics.refused()
            return routes.failed(error)
        except LeadscoreError as error:
            return routes.failed(error)
        finally:
            self._metrics.admitted()

    async def __is_ready__(self) -> bool:
        """True, or the problem document that says why not."""
        try:
            await asyncio.to_thread(lambda: self.runtime().ready())
        except LeadscoreError as error:
            said = problems.of_error(error, NOT_READY).response()
            headers = dict(said.headers.items())
            raise HTTPException(NOT_READY, bytes(said.body).decode(), headers) from None
        return True

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Let go of the runtime once the last request is answered."""
        self._threads.shutdown()
        self._intake_threads.shutdown()
        if self._runtime is not None:
            self._runtime.close()

    async def _answer(self, work: Callable[[bytes], Any], body: bytes) -> Response:
        return await self._in(self._threads, partial(self._told, work), body)

    def _told(self, work: Callable[[bytes], Any], body: bytes) -> Any:
        """Work, and tell what the quality gates found."""
        answer = work(body)
        self._gates.tell(self.runtime())
        return answer

    async def _in(
        self, threads: ThreadPoolExecutor, work: Callable[[bytes], Any], body: bytes
    ) -> Response:
        # the thread needs the context: it holds the current span
        within = copy_context().run
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, within, _attempt, work, body)

    def _score(self, body: bytes) -> Any:
        asked = bodies.decode(bodies.ScoreRequest, body)
        bodies.check_choice(asked)
        if asked.identifiers is not None:
            return self.runtime().score_identifiers(asked.identifiers, problems.trace_id())
        return self.runtime().score([asked.lead_id or ""], problems.trace_id())[0]

    def _score_batch(self, body: bytes) -> Any:
        asked = bodies.decode(bodies.BatchRequest, body)
        answers, unknown = self.runtime().score_known(asked.lead_ids, problems.trace_id())
        return openapi.BatchAnswer(answers=answers, unknown=unknown)

    def _what_if(self, body: bytes) -> Any:
        asked = bodies.decode(WhatIfRequest, body)
        bodies.check_choice(asked)
        return self.runtime().what_if(asked)

    def _events(self, documents: list[bytes], arrived: float, _: bytes) -> Any:
        counts = self.runtime().accept(documents)
        self._metrics.done(counts, time.monotonic() - arrived, self.runtime())
        self._gates.tell(self.runtime())
        return counts


def _attempt(work: Callable[[bytes], Any], body: bytes) -> Response:
    try:
        return routes.answered(work(body))
    except Exception as error:
        return routes.failed(error)


class BoundedService(bentoml.Service):  # type: ignore[misc]
    """A BentoML service behind the boundary."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:  # noqa: FBT001, FBT002 BentoML's signature
        """The whole application, boundary outermost."""
        return Boundary(super().to_asgi(is_main), PATHS | {DECISIONS, UNKNOWN})


def make_service(api: type[Api], name: str) -> Any:
    """The BentoML service of an API class."""
    make = bentoml.service(
        name=name,
        service_class=BoundedService,
        traffic={"timeout": 60},
        logging={"access": {"enabled": False}},
    )
    return bentoml.asgi_app(routes.reading_app())(make(api))


LeadScoring = make_service(Api, "LeadScoring")
