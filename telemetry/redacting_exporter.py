"""What leaves the process as a trace: spans that pass an allow-list, sent over OTLP."""

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status

from domain.findings import label
from telemetry.attributes import PREFIX

TIMEOUT_S = 5.0
"""How long one sending may take."""
HTTP = frozenset(
    {"http.method", "http.status_code", "http.request.method", "http.response.status_code"}
)
"""What is kept of the server's own attributes: neither address nor query nor agent of a caller."""


def redacting_exporter(collector: str) -> SpanExporter:
    """An exporter to a collector's base URL that sends nothing but what is allowed."""
    endpoint = f"{collector.rstrip('/')}/v1/traces"
    return RedactingExporter(OTLPSpanExporter(endpoint=endpoint, timeout=TIMEOUT_S))


class RedactingExporter(SpanExporter):
    """Hands on spans without events, messages, caller's state, or attributes that are not listed.

    Spans of the server round single messages of a connection are left out.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send; the result is the wrapped exporter's."""
        spans_sent = [redacted(span) for span in spans if not _of_connection(span)]
        return self._exporter.export(spans_sent) if spans_sent else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Let go of the connection."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Whether all is sent."""
        return self._exporter.force_flush(timeout_millis)


def redacted(span: ReadableSpan) -> ReadableSpan:
    """A span with only what may leave."""
    attributes = (span.attributes or {}).items()
    return ReadableSpan(
        name=" ".join(label(word) for word in span.name.split()),
        context=_bare(span.context),
        parent=_bare(span.parent),
        resource=span.resource,
        attributes={
            name: label(value) if isinstance(value, str) else value
            for name, value in attributes
            if name in HTTP or name.startswith(PREFIX)
        },
        links=[Link(bare) for link in span.links if (bare := _bare(link.context))],
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _bare(context: SpanContext | None) -> SpanContext | None:
    """A context without the state that a caller may put into it."""
    if context is None:
        return None
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)


def _of_connection(span: ReadableSpan) -> bool:
    return span.kind is SpanKind.INTERNAL and span.name.endswith((" http send", " http receive"))
