"""The Bento: `serving.service:LeadScoring`.

Scoring runs in worker threads: a slow disk or a database lock then delays those who wait for it,
and not the probes. Nothing is opened before a worker starts, so that building a Bento and
supervising workers stay light.
"""

import asyncio
import os
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import bentoml
import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from config.settings import Settings
from domain.clock import monotonic_us
from domain.decisions import PolicyQuestion
from domain.errors import BadInput, LeadscoreError, NoModel, Unavailable, UnknownLead
from domain.scores import ScoreAnswer
from domain.signals import Receipt, RefusedEvent
from domain.what_if import WhatIf, WhatIfRequest
from serving import problems
from serving.auth.factory import guard
from serving.auth.open_paths import APPROVALS, DOCS, TOOLS, WORKFLOW
from serving.auth.source_binding import SOURCES, check_sources
from serving.backpressure import IntakeLimiter
from serving.connections import bound_connections
from serving.console_mount import mounted
from serving.http import cloudevents, read_routes, schemas
from serving.http.answers import BatchAnswer
from serving.http.approval_routes import Approvals, approval_route
from serving.http.direct import Answers, answer_directly
from serving.http.edge_middleware import DECISIONS, UNKNOWN, EdgeMiddleware
from serving.http.endpoints import Came, endpoint
from serving.http.idempotency import request_of, requests_of
from serving.http.workflow_routes import LeadWorkflow, workflow_route
from serving.metrics import score_metrics
from serving.metrics.intake_metrics import GateMetrics, IntakeMetrics
from serving.metrics.metric_files import keep_bentos_metrics_in_memory, use_given_pages
from serving.micro_batching import MicroBatcher
from storage.files import PRIVATE_UMASK

if TYPE_CHECKING:
    from wiring.serving import ServingRuntime

THREADS = 4
"""Requests for many leads that one worker process works on at the same time."""
TOGETHER = 64
"""Requests for one lead that are worked on together, at most."""
WAIT_S = 0.5
"""Work for one lead each that may wait before requests are refused."""
INTAKE_THREADS = 8
"""Event requests that one worker process takes in at the same time."""
NOT_READY = 503
TRACED = "leadscore-service"
"""The service's name in traces."""
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
    | {DECISIONS, APPROVALS, WORKFLOW, "/docs.json", "/schema.json"}
    | DOCS
)
"""All that is served; `/decisions/{id}` comes as `/decisions`."""


class Api:
    """The endpoints, over the runtime that `open_runtime` opens.

    Where it cannot be opened yet (an empty home), the service runs, says so on `/readyz` and tries
    again at each request: it needs no restart once there is a model.
    """

    def __init__(self) -> None:
        self._together = MicroBatcher(self._answer, most=TOGETHER, wait_s=WAIT_S)
        self._threads = ThreadPoolExecutor(THREADS, "score")
        self._intake_threads = ThreadPoolExecutor(INTAKE_THREADS, "events")
        self._intake = IntakeLimiter(self.events_waiting())
        self._metrics = IntakeMetrics(self._intake)
        self._gates = GateMetrics()
        score_metrics.begin()
        self._opening = Lock()
        self._runtime: ServingRuntime | None = None
        self._workflow: LeadWorkflow | None = None
        with suppress(LeadscoreError):
            self.runtime()

    def runtime(self) -> "ServingRuntime":
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

    def open_runtime(self) -> "ServingRuntime":
        """Open what the settings name."""
        from config.settings import load_settings
        from telemetry.traces import traced
        from wiring.serving import open_runtime

        settings = load_settings()
        watch = score_metrics.StageMetrics(traced(settings, TRACED))
        return open_runtime(settings, watch)

    def approvals(self) -> Approvals:
        """The approvals of the home that the settings name: they need no runtime."""
        from config.settings import load_settings
        from jobs.models.approvals import HomeApprovals

        return HomeApprovals(load_settings())

    def workflow(self) -> LeadWorkflow:
        """The workflow of the home that the settings name, opened once; it needs no runtime."""
        with self._opening:
            if self._workflow is None:
                self._workflow = self.open_workflow()
            return self._workflow

    def open_workflow(self) -> LeadWorkflow:
        """The workflow of the home."""
        from config.settings import load_settings
        from jobs.workflow.people import HomeWorkflow

        return HomeWorkflow(load_settings())

    def events_waiting(self) -> int:
        """How many events may be in flight at once, in this process."""
        from config.settings import load_settings

        return load_settings().events_waiting

    @endpoint(schemas.ScoreRequest, ScoreAnswer)
    async def score(self, request: Came, /) -> Response:
        """Score one lead, by its id or by identifiers of it."""
        return await self.scored(request)

    @endpoint(schemas.BatchRequest, BatchAnswer)
    async def score_batch(self, request: Came, /) -> Response:
        """Score many leads; unknown ones are listed, and fail no other."""
        return await self.scored_batch(request)

    async def scored(self, request: Came) -> Response:
        """What `POST /score` answers."""
        arrived = time.monotonic()
        try:
            answer = await self._together.ask(_question_of(request))
        except asyncio.CancelledError as error:  # the server gave the request up
            score_metrics.refused(error)
            raise
        except LeadscoreError as error:
            answer = error
        if isinstance(answer, Exception):
            score_metrics.refused(answer)
            return read_routes.failed(answer)
        score_metrics.tag_answers([answer])
        # the answer goes first: this runs once it is on its way
        count = partial(score_metrics.count_answers, [answer], time.monotonic() - arrived)
        asyncio.get_running_loop().call_soon(count)
        return read_routes.answered(answer)

    async def scored_batch(self, request: Came) -> Response:
        """What `POST /score_batch` answers."""
        work = partial(self._score_batch, request, time.monotonic())
        try:
            return await self._in(self._threads, work)
        except asyncio.CancelledError as error:
            score_metrics.refused(error)
            raise

    @endpoint(WhatIfRequest, WhatIf)
    async def what_if(self, request: Came, /) -> Response:
        """Score a lead with some features changed; nothing is decided or recorded."""
        return await self._in(self._threads, partial(self._what_if, request.body))

    @endpoint(schemas.EventsRequest, Receipt)
    async def events(self, request: Came, /) -> Response:
        """Take events in; all that are accepted are committed when this answers.

        They come in a list, or as CloudEvents 1.0 sends them (`serving.http.cloudevents`). Answers
        429 with Retry-After while as many events are in flight as the settings allow.
        """
        try:
            sent = cloudevents.sent(request.scope["headers"], request.body)
            with self._intake.admitted(len(sent.documents)):
                self._metrics.admitted()
                allowed = request.scope.get(SOURCES, frozenset())
                take = partial(self._events, sent, allowed, time.monotonic())
                return await self._in(self._intake_threads, take)
        except problems.Saturated as error:
            self._metrics.refused()
            return read_routes.failed(error)
        except LeadscoreError as error:
            return read_routes.failed(error)
        finally:
            self._metrics.admitted()

    async def __is_ready__(self) -> bool:
        """True, or the problem document that says why not."""
        try:
            await asyncio.to_thread(lambda: self.runtime().ready())
        except LeadscoreError as error:
            response = problems.of_error(error, NOT_READY).response()
            headers = dict(response.headers.items())
            raise HTTPException(NOT_READY, bytes(response.body).decode(), headers) from None
        return True

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """Let go of the runtime once the last request is answered."""
        self._together.close()
        self._threads.shutdown()
        self._intake_threads.shutdown()
        if self._runtime is not None:
            self._runtime.close()

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[[], Any]) -> Response:
        # the thread needs the context: it holds the current span
        within = copy_context().run
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, within, _attempt, work)

    def _answer(self, questions: Sequence[PolicyQuestion]) -> list[ScoreAnswer | Exception]:
        try:
            runtime = self.runtime()
            answers = runtime.answer(questions)
        except Exception as bad:
            return [bad] * len(questions)
        self._gates.tell(runtime)
        return answers

    def _score_batch(self, request: Came, arrived: float) -> Any:
        try:
            trace_id = problems.trace_id()
            lead_ids = schemas.decode(schemas.BatchRequest, request.body).lead_ids
            keys = requests_of(request.scope, msgspec.json.encode(lead_ids), len(lead_ids))
            questions = [
                PolicyQuestion(lead_id=lead, trace_id=trace_id, request=key)
                for lead, key in zip(lead_ids, keys, strict=True)
            ]
            results = self._answer(questions)
            answers = [_answer(one) for one in results if not isinstance(one, UnknownLead)]
        except Exception as error:
            score_metrics.refused(error)
            raise
        score_metrics.tag_answers(answers)
        score_metrics.count_answers(answers, time.monotonic() - arrived, "score_batch")
        pairs = zip(lead_ids, results, strict=True)
        unknown = [lead_id for lead_id, one in pairs if isinstance(one, UnknownLead)]
        return BatchAnswer(answers=answers, unknown=unknown)

    def _what_if(self, body: bytes) -> Any:
        body_read = schemas.decode(WhatIfRequest, body)
        schemas.check_choice(body_read)
        return self.runtime().what_if(body_read)

    def _events(self, sent: cloudevents.Sent, allowed: Collection[str], arrived: float) -> Any:
        check_sources(sent.documents, allowed)
        receipt = self.runtime().accept(sent.documents)
        self._metrics.done(receipt, time.monotonic() - arrived, self.runtime())
        score_metrics.observe_stages()
        self._gates.tell(self.runtime())
        if sent.alone and receipt.refused:
            raise _event_refused(receipt.refused[0])
        return receipt


def _question_of(request: Came) -> PolicyQuestion:
    """The question of a request to `/score`. Raises BadInput."""
    body = schemas.decode(schemas.ScoreRequest, request.body)
    schemas.check_choice(body)
    return PolicyQuestion(
        lead_id=body.lead_id or "",
        identifiers=body.identifiers,
        trace_id=problems.trace_id(),
        request=request_of(request.scope, msgspec.json.encode(body)),
        arrived_us=monotonic_us(),
    )


def _event_refused(event: RefusedEvent) -> BadInput:
    """The error of a request that is one event, and that one is refused."""
    return BadInput(
        event.detail,
        rule=event.rule,
        todo="It is kept in quarantine; mend it and send it again with the same source and id.",
    )


def _answer(answer: ScoreAnswer | Exception) -> ScoreAnswer:
    if isinstance(answer, Exception):
        raise answer
    return answer


def _attempt(work: Callable[[], Any]) -> Response:
    try:
        return read_routes.answered(work())
    except Exception as error:
        return read_routes.failed(error)


DIRECT: dict[str, Answers] = {
    "/score": lambda api, request: api.scored(request),
    "/score_batch": lambda api, request: api.scored_batch(request),
}
"""What is answered in front of BentoML's layers."""


class BoundedService(bentoml.Service):  # type: ignore[misc]
    """A BentoML service behind the boundary."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:  # noqa: FBT001, FBT002 BentoML's signature
        """The whole application: boundary outermost, then access; the console beside it."""
        from config.settings import load_settings

        settings = load_settings()
        os.umask(PRIVATE_UMASK)
        use_given_pages()
        bound_connections()
        observe(settings)
        served = super().to_asgi(is_main)
        answer_directly(served, DIRECT, traced=bool(settings.traces))
        guarded = guard(with_tools(served, settings), settings)
        extra = {TOOLS} if settings.mcp else set[str]()
        edge = EdgeMiddleware(guarded, PATHS | {DECISIONS, UNKNOWN} | extra)
        return mounted(edge, guarded, settings, _what_if)


def with_tools(app: ASGIApp, settings: Settings) -> ASGIApp:
    """The application with the tools for assistants, where the settings ask for them."""
    if not settings.mcp:
        return app
    from serving.mcp.http import ToolsOverHttp  # only now: it takes a second to load

    return ToolsOverHttp(app, settings, lambda: bentoml.get_current_service().runtime())


def _what_if(request: WhatIfRequest) -> WhatIf:
    """What a lead would score, by the scoring that this process has open."""
    answer: WhatIf = bentoml.get_current_service().runtime().what_if(request)
    return answer


def observe(settings: Settings) -> None:
    """Make logs and traces of this process what the settings say; once, before it serves."""
    from bentoml._internal.configuration.containers import BentoMLContainer

    from telemetry.logs import configure_logs
    from telemetry.traces import provider_of

    configure_logs(settings.logs)
    BentoMLContainer.tracer_provider.set(provider_of(settings, TRACED))


def make_service(api: type[Api], name: str) -> Any:
    """The BentoML service of an API class."""
    make = bentoml.service(
        name=name,
        service_class=BoundedService,
        traffic={"timeout": 60},
        logging={"access": {"enabled": False}},
    )
    return bentoml.asgi_app(read_routes.reading_app(approval_route(), workflow_route()))(make(api))


keep_bentos_metrics_in_memory()
LeadScoring = make_service(Api, "LeadScoring")
