"""The form of logs: text as libraries write it, or JSON lines; both without personal data.

Messages of our own hold none. What libraries log may quote what was sent, so whatever looks like
an e-mail address or a telephone number is taken out, and of an error only its type and place stay.
"""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Literal

from opentelemetry import trace

from config.environment import unknown_variables
from domain.redaction import redacted

__all__ = ["JsonLines", "RedactingFilter", "configure_logs", "redacted"]


class RedactingFilter(logging.Filter):
    """Takes personal data out of records before a handler writes them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """True: every record passes, changed."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, where = record.exc_info
            message += f": {kind.__name__}\n{''.join(traceback.format_tb(where))}"
        record.msg, record.args = redacted(message), ()
        record.exc_info, record.exc_text = None, None
        return True


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, trace_id ("" outside a trace)."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        context = trace.get_current_span().get_span_context()
        moment = datetime.fromtimestamp(record.created, UTC)
        return json.dumps(
            {
                "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": record.getMessage(),
                "trace_id": f"{context.trace_id:032x}" if context.is_valid else "",
            },
            ensure_ascii=False,
        )


def told_once(form: Literal["text", "json"], message: str) -> str:
    """A message of the service itself as one line of its log, without its end."""
    if form == "text":
        return message
    record = logging.LogRecord("leadscore.serving", logging.INFO, "", 0, message, (), None)
    return JsonLines().format(record)


def configure_logs(form: Literal["text", "json"]) -> None:
    """Make all handlers of this process discreet, and in this form; one to stderr if none is.

    Then it warns of variables of the environment that look like settings and are none.
    """
    root = logging.getLogger()
    if not root.handlers:
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for handler in _handlers():
        if not any(isinstance(each, RedactingFilter) for each in handler.filters):
            handler.addFilter(RedactingFilter())
        if form == "json":
            handler.setFormatter(JsonLines())
    for warning in unknown_variables():
        logging.getLogger("leadscore.settings").warning(warning)


def _handlers() -> set[logging.Handler]:
    names = [None, *logging.Logger.manager.loggerDict]
    return {handler for name in names for handler in logging.getLogger(name).handlers}
