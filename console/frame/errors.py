"""Errors as pages: the status, and what a person reads of it."""

import logging
import traceback
from http import HTTPStatus
from uuid import uuid4

from config.extras import missing_extra
from console.frame.visitor import NotAdmitted, NotAllowed
from domain.errors import BadInput, LeadscoreError, Missing, Refused, Unavailable
from wiring.outages import outage

_log = logging.getLogger("leadscore.console")
_STATUS: tuple[tuple[type[LeadscoreError], HTTPStatus], ...] = (
    (BadInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (Missing, HTTPStatus.NOT_FOUND),
    (NotAdmitted, HTTPStatus.UNAUTHORIZED),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (Refused, HTTPStatus.CONFLICT),
)


def status_of(error: LeadscoreError) -> HTTPStatus:
    """The HTTP status of an error; 429 where it says when to come again."""
    if getattr(error, "retry_after_s", 0):
        return HTTPStatus.TOO_MANY_REQUESTS
    kinds = (status for kind, status in _STATUS if isinstance(error, kind))
    return next(kinds, HTTPStatus.INTERNAL_SERVER_ERROR)


def known_error(error: Exception) -> LeadscoreError:
    """An error as one that a page may tell; one that nobody foresaw is logged under a number.

    It is logged by its type and place, never by its message, which could hold personal data.
    """
    if isinstance(error, LeadscoreError):
        return error
    if isinstance(error, ModuleNotFoundError):
        return _library(error)
    unavailable = outage(error)
    if unavailable is not None:
        return unavailable
    number = uuid4().hex
    place = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s, %s\n%s", number, type(error).__name__, place)
    return LeadscoreError(
        f"The console failed. Its log has the cause under {number}.", rule="internal"
    )


def _library(error: ModuleNotFoundError) -> Missing:
    return missing_extra(error.name) or Missing(
        f"this page needs {error.name or 'a library'}, which is not installed here",
        rule="extra-installed",
        todo="Install the product with all its extras: `pip install leadscore[all]`.",
    )
