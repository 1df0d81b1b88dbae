"""Problem documents (RFC 9457): every error of the service, in one form, without personal data."""

from http import HTTPStatus
from uuid import uuid4

import msgspec
from opentelemetry import trace
from starlette.responses import Response

from domain.errors import (
    BadInput,
    LeadscoreError,
    Missing,
    NoModel,
    Refused,
    Unavailable,
    UnknownLead,
)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:leadscore:problem:"
RETRY_AFTER_S = 1
"""How long a caller should wait after Unavailable."""


class MalformedBody(BadInput):
    """A body that is no JSON text at all."""


class Saturated(Unavailable):
    """The service takes in as many events as it may: the same again after `retry_after_s`."""

    def __init__(
        self, what: str, *, rule: str, todo: str = "", retry_after_s: int = RETRY_AFTER_S
    ) -> None:
        super().__init__(what, rule=rule, todo=todo)
        self.retry_after_s = retry_after_s


class Unauthenticated(Refused):
    """There is no credential, or it is invalid; the answer does not say which."""


class Forbidden(Refused):
    """A good credential that may not do this."""


class RateLimited(Saturated):
    """The caller exceeds its rate limit: the same again after `retry_after_s`."""


_STATUS: tuple[tuple[type[LeadscoreError], str, HTTPStatus], ...] = (
    (MalformedBody, "malformed-body", HTTPStatus.BAD_REQUEST),
    (BadInput, "bad-input", HTTPStatus.UNPROCESSABLE_ENTITY),
    (UnknownLead, "unknown-lead", HTTPStatus.NOT_FOUND),
    (NoModel, "no-model", HTTPStatus.SERVICE_UNAVAILABLE),
    (RateLimited, "rate-limited", HTTPStatus.TOO_MANY_REQUESTS),
    (Saturated, "saturated", HTTPStatus.TOO_MANY_REQUESTS),
    (Unavailable, "unavailable", HTTPStatus.SERVICE_UNAVAILABLE),
    (Missing, "missing", HTTPStatus.NOT_FOUND),
    (Unauthenticated, "unauthenticated", HTTPStatus.UNAUTHORIZED),
    (Forbidden, "forbidden", HTTPStatus.FORBIDDEN),
    (Refused, "refused", HTTPStatus.CONFLICT),
)
ERRORS: dict[str, type[LeadscoreError]] = {slug: kind for kind, slug, _ in _STATUS}
"""The domain error that each problem type stands for."""


SLUGS = (*ERRORS, "internal")
"""The types of all problems that an error can be."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One error. `type` names its kind, `rule` the rule that was broken.

    `instance` names this occurrence by its trace id, which the server's log carries too.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    rule: str

    def response(self, headers: dict[str, str] | None = None) -> Response:
        """The HTTP response that says it."""
        sent = {**(headers or {}), "cache-control": "no-store"}
        if self.type == TYPE_PREFIX + "unavailable":
            sent["retry-after"] = str(RETRY_AFTER_S)
        return Response(msgspec.json.encode(self), self.status, sent, MEDIA_TYPE)


def trace_id() -> str:
    """The id of the current OpenTelemetry trace, or a new one: 32 hex digits."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else uuid4().hex


def problem(status: int, detail: str, *, rule: str, kind: str = "") -> Problem:
    """A problem; without a `kind` of its own its type is named after the rule."""
    return Problem(
        type=TYPE_PREFIX + (kind or rule),
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=f"urn:leadscore:trace:{trace_id()}",
        rule=rule,
    )


def slug_of(error: Exception) -> str:
    """The type of an error's problem without its prefix; one that nobody foresaw is `internal`."""
    return next((slug for kind, slug, _ in _STATUS if isinstance(error, kind)), "internal")


def of_error(error: LeadscoreError, status: int | None = None) -> Problem:
    """The problem of a domain error, with the status of its kind unless another is given.

    It says what is wrong and what to do; not where, which may be a path of the server.
    """
    detail = f"{error.what.rstrip('.')}. {error.todo}".strip()
    for kind, slug, usual in _STATUS:
        if isinstance(error, kind):
            return problem(status or usual, detail, rule=error.rule, kind=slug)
    unforeseen = HTTPStatus.INTERNAL_SERVER_ERROR
    return problem(status or unforeseen, detail, rule=error.rule, kind="internal")


def internal() -> Problem:
    """The problem document of an unexpected error: it discloses nothing of the cause."""
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The service failed. Its log has the cause under the trace id of this instance.",
        rule="internal",
    )


_DETAILS: dict[int, tuple[str, str]] = {
    404: ("unknown-route", "There is no such route. /docs lists those there are."),
    405: ("method-not-allowed", "The route does not know this method; see the Allow header."),
    413: ("body-too-large", "The body is larger than the service accepts."),
    415: ("json-only", "The body must be JSON of a type that the route takes, not compressed."),
    429: ("too-many-requests", "The service is working on as many requests as it accepts."),
    503: ("not-ready", "The service cannot answer at the moment."),
    504: ("timed-out", "The request took longer than the service allows."),
}


def of_status(status: int) -> Problem:
    """The problem that a bare HTTP status of the server stands for."""
    if status in _DETAILS:
        rule, detail = _DETAILS[status]
        return problem(status, detail, rule=rule)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return internal()
    return problem(status, "The request cannot be answered as it stands.", rule="bad-request")


class ServiceFailed(LeadscoreError):
    """The service answered with an error that is none of the domain's; `status` is HTTP's."""

    def __init__(self, what: str, *, rule: str, status: int) -> None:
        super().__init__(what, rule=rule)
        self.status = status


def error_of_answer(status: int, body: bytes) -> LeadscoreError:
    """The error that an answer stands for: the domain's own where its problem type names one."""
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except msgspec.DecodeError:
        what = f"The service answered with status {status} and no problem document."
        return ServiceFailed(what, rule="no-problem-document", status=status)
    kind = ERRORS.get(problem.type.removeprefix(TYPE_PREFIX))
    if kind is None:
        return ServiceFailed(problem.detail, rule=problem.rule, status=problem.status)
    return kind(problem.detail, rule=problem.rule)
