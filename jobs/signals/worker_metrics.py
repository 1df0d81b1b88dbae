"""A worker's metrics, as Prometheus text over HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from domain.clock import SECOND
from domain.errors import BadInput
from domain.findings import QualityFindings
from signals.store import quarantine
from signals.stream.handler import Handler
from telemetry.quality_metrics import metric


@dataclass(slots=True)
class WorkerStatus:
    """The state of a worker: its handler's counts, and the last reading of bus and log."""

    handler: Handler
    pending: int = 0
    behind_s: float = 0.0
    watermark_us: int = 0
    quarantine: Engine | None = None
    findings: QualityFindings | None = None


class WorkerCollector(Collector):
    """Reads a worker's state at each scrape."""

    def __init__(self, standing: WorkerStatus) -> None:
        self._standing = standing

    def collect(self) -> Iterator[Metric]:
        """All metrics of the worker."""
        tally, commits = self._standing.handler.tally, self._standing.handler.commits
        events = CounterMetricFamily(
            "leadscore_events",
            "Events taken from the bus, by what became of them.",
            None,
            ["outcome"],
        )
        for outcome in ("accepted", "duplicates", "quarantined"):
            events.add_metric([outcome], getattr(commits.counts, outcome))
        yield events
        dead = CounterMetricFamily(
            "leadscore_dead_letters", "Messages put on the dead-letter path.", None, ["reason"]
        )
        for reason, count in tally.dead.items():
            dead.add_metric([reason], count)
        yield dead
        for name, text, value in (
            ("transactions", "Transactions committed.", commits.transactions),
            ("redelivered", "Messages delivered before.", tally.redelivered),
            ("waits", "Times that a database or the online store was waited for.", tally.waits),
            ("commit_seconds", "Time spent in commits.", commits.seconds),
            ("push_seconds", "Time spent pushing online.", tally.push_s),
        ):
            yield CounterMetricFamily(f"leadscore_{name}", text, value)
        if self._standing.findings is not None:
            yield metric(self._standing.findings.counts())
        yield from self._gauges()

    def _gauges(self) -> Iterator[Metric]:
        standing = self._standing
        for name, text, value in (
            ("messages_pending", "Messages that wait on the bus.", standing.pending),
            ("lag_seconds", "Age of the oldest message that waits.", standing.behind_s),
            (
                "watermark_timestamp_seconds",
                "The newest moment that the log knows of.",
                standing.watermark_us / SECOND,
            ),
        ):
            yield GaugeMetricFamily(f"leadscore_{name}", text, value)
        if standing.quarantine is not None:
            gauge = GaugeMetricFamily(
                "leadscore_quarantine", "Documents in quarantine, by rule.", None, ["rule"]
            )
            for rule, count in quarantine.by_rule(standing.quarantine).items():
                gauge.add_metric([rule], count)
            yield gauge


def serve_metrics(standing: WorkerStatus, port: int) -> None:
    """Serve `/metrics` on this machine's port until the process ends. Raises BadInput."""
    registry = CollectorRegistry()
    registry.register(WorkerCollector(standing))
    try:
        start_http_server(port, registry=registry)
    except (OSError, OverflowError) as bad:
        raise BadInput(f"port {port} cannot be opened", rule="port-in-use") from bad
