"""Findings of the quality gates as a Prometheus counter."""

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from domain.findings import QualityFinding, QualityFindings

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


METRIC = "leadscore_quality_findings"


HELP = "Findings of the quality gates, by rule"


LABELS = QualityFinding._fields
"""The counter that `Publisher` takes: `prometheus_client.Counter(METRIC, HELP, LABELS)`."""


def metric(counts: Mapping[QualityFinding, int]) -> "Metric":
    """Counts as a metric family, for a collector of a single process."""
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(METRIC, HELP, None, LABELS)
    for finding, count in counts.items():
        family.add_metric(finding, count)
    return family


class _Child(Protocol):
    def inc(self, amount: float) -> None: ...


class LabelledCounter(Protocol):
    """What is used of a `prometheus_client.Counter` with LABELS."""

    def labels(self, *values: str) -> Any:
        """The child of these labels' values."""
        ...


class Publisher:
    """Brings findings to a Prometheus counter: what was found since it did so last.

    A counter, not a collector: where several worker processes answer, only counters and their
    like are added up over the processes. Safe to use from many threads.
    """

    def __init__(self, findings: QualityFindings, counter: LabelledCounter) -> None:
        self._findings = findings
        self._counter = counter
        self._published: dict[QualityFinding, int] = {}
        self._lock = Lock()

    def publish(self) -> None:
        """Bring the counter up to date: before `/metrics` answers, or after each batch."""
        with self._lock:
            now = self._findings.counts()
            for finding, count in now.items():
                if more := count - self._published.get(finding, 0):
                    child: _Child = self._counter.labels(*finding)
                    child.inc(more)
            self._published = now
