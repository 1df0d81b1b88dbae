"""Traces by OpenTelemetry: spans round stages, sent over OTLP where the settings name a collector.

What is sent passes an allow-list: names of stages, versions, arms, counts and HTTP's method and
status. No lead id, no identifier, no address, no message of an error: a pseudonym in a trace would
join what a person did over the retention of a system that knows nothing of erasure. A decision
holds its trace id, so whoever may read the audit trail finds the trace, and nobody the other way.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import TYPE_CHECKING

from opentelemetry import trace

from config.settings import Settings
from domain.ports import NullObserver, Observer
from telemetry.attributes import tag

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

LINKS = 32
"""Most trace contexts that one span is linked to."""

SEND_EVERY_MS = 1_000
"""How long a span waits to be sent, at most, unless the collector is away."""


class SpanObserver:
    """A watch that makes a span of each stage."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def stage(self, name: str, parents: Sequence[str] = ()) -> AbstractContextManager[object]:
        """A span of this name, a child of the current one; linked to what led to it."""
        return self._tracer.start_as_current_span(
            name, links=links(parents) if parents else None, record_exception=False
        )

    def degraded(self, arm: str, reason: str) -> None:
        """Say so on the current span."""
        tag({"degraded": reason, "arm": arm})

    def breaker(self, name: str, is_open: int) -> None:
        """Nothing: a span is of one answer, and the metric tells."""


def links(leads: Sequence[str]) -> list[trace.Link]:
    """Links to the contexts that these `traceparent` values name; what is none is left out."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    extract = TraceContextTextMapPropagator().extract
    contexts = [
        trace.get_current_span(extract({"traceparent": one})).get_span_context()
        for one in dict.fromkeys(leads)
    ]
    return [trace.Link(context) for context in contexts if context.is_valid][:LINKS]


def traced(settings: Settings, service: str) -> Observer:
    """The watch of a process: spans where the settings name a collector, else nothing."""
    if not settings.traces:
        return NullObserver()
    return SpanObserver(provider_of(settings, service).get_tracer("leadscore"))


def provider_of(settings: Settings, service: str) -> "TracerProvider":
    """The provider of this process; without a collector its spans have ids and record nothing."""
    return _provider(settings.traces, settings.traces_share, service)


@lru_cache(maxsize=1)
def _provider(collector: str, share: float, service: str) -> "TracerProvider":
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased

    sampler = ParentBased(TraceIdRatioBased(share)) if collector else ALWAYS_OFF
    resource = Resource.create({"service.name": service})
    provider = TracerProvider(sampler=sampler, resource=resource)
    if collector:
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from telemetry.redacting_exporter import redacting_exporter

        exporter = redacting_exporter(collector)
        provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=SEND_EVERY_MS)
        )
    return provider
