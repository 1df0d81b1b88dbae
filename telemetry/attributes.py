"""Attributes of spans: counts, versions and slugs, never an identifier."""

from collections.abc import Mapping

from opentelemetry import trace

PREFIX = "leadscore."
"""What the names of our own attributes begin with."""


SpanAttribute = str | bool | int | float


def recording() -> bool:
    """Whether the current span is recorded: whether to make attributes for `tag`."""
    return trace.get_current_span().is_recording()


def tag(attributes: Mapping[str, SpanAttribute]) -> None:
    """Put counts, versions or slugs on the current span, if it is recorded; never an identifier."""
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attributes({PREFIX + name: value for name, value in attributes.items()})
