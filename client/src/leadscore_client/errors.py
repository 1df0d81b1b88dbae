"""The errors of a call, as one tree.

    ClientError
    ├── Unreachable            nobody answers
    ├── UnexpectedAnswer       an answer that is neither what was asked for nor a problem document
    └── ServiceError           a problem document (RFC 9457), by its status
        ├── InvalidRequest     400, 413, 415, 422
        ├── Unauthenticated    401
        ├── Forbidden          403
        ├── NotFound           404
        ├── Conflict           409
        ├── TooManyRequests    429
        └── Unavailable        503, 504

Other statuses are ServiceError itself.
"""

import msgspec

from leadscore_client.types import Problem

_TRACE = "urn:leadscore:trace:"


class ClientError(Exception):
    """A call that failed. `rule` is a short stable slug that programs may rely on."""

    def __init__(self, detail: str, *, rule: str, status: int = 0) -> None:
        self.detail = detail
        self.rule = rule
        self.status = status
        super().__init__(f"{detail} [{rule}]")


class Unreachable(ClientError):
    """Nobody answers at that address, or the connection broke."""


class UnexpectedAnswer(ClientError):
    """The answer is not of the service: a proxy's, perhaps. `status` is HTTP's."""


class ServiceError(ClientError):
    """The service refused or failed. `trace_id` names the request in its log."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail, rule=problem.rule, status=problem.status)
        self.type = problem.type
        self.trace_id = problem.instance.removeprefix(_TRACE)


class InvalidRequest(ServiceError):
    """The request is not what the service takes."""


class Unauthenticated(ServiceError):
    """No credential, or none that is good."""


class Forbidden(ServiceError):
    """The credential may not do this."""


class NotFound(ServiceError):
    """No such lead, decision or version."""


class Conflict(ServiceError):
    """It contradicts what is recorded."""


class TooManyRequests(ServiceError):
    """More than the service takes, and trying again did not help."""


class Unavailable(ServiceError):
    """Something that the service needs does not answer, and trying again did not help."""


_BY_STATUS: dict[int, type[ServiceError]] = {
    400: InvalidRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: TooManyRequests,
    503: Unavailable,
    504: Unavailable,
}


def error_of(status: int, body: bytes) -> ClientError:
    """The error that an answer stands for."""
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except msgspec.DecodeError:
        detail = f"The service answered with status {status} and no problem document."
        return UnexpectedAnswer(detail, rule="no-problem-document", status=status)
    return _BY_STATUS.get(status, ServiceError)(problem)
