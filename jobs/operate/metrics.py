"""The loop's metrics, as Prometheus text over HTTP: read from its store when asked."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from domain.clock import SECOND
from domain.errors import BadInput, Unavailable
from jobs.operate.run import Run
from jobs.operate.run_store import RunStore


class LoopCollector(Collector):
    """Reads runs and lease when asked; nothing while their database is away."""

    def __init__(self, store: RunStore, holder: str) -> None:
        self._store = store
        self._holder = holder

    def collect(self) -> Iterator[Metric]:
        """All metrics of the loop; labels are jobs and outcomes."""
        try:
            totals, newest = self._store.totals(), self._store.newest()
            lease, now_us = self._store.lease(), self._store.now_us
        except Unavailable:
            return
        runs = CounterMetricFamily(
            "leadscore_operate_runs",
            "Runs of the loop's jobs that ended.",
            None,
            ["job", "outcome"],
        )
        for labels, count in totals.items():
            runs.add_metric(labels, count)
        yield runs
        yield from _of_newest(newest)
        current = lease is not None and lease.until_us > now_us
        mine = lease is not None and current and lease.holder == self._holder
        yield GaugeMetricFamily(
            "leadscore_operate_lease_held", "1 while some process has the turn.", float(current)
        )
        yield GaugeMetricFamily(
            "leadscore_operate_leading", "1 while this process has the turn.", float(mine)
        )


def _of_newest(newest: dict[str, Run]) -> Iterator[Metric]:
    running = GaugeMetricFamily("leadscore_operate_running", "1 while the job runs.", None, ["job"])
    ended = GaugeMetricFamily(
        "leadscore_operate_last_end_timestamp_seconds",
        "When the job's newest run ended, by its outcome.",
        None,
        ["job", "outcome"],
    )
    for job, run in sorted(newest.items()):
        running.add_metric([job], float(run.outcome == "running"))
        if run.ended_us is not None:
            ended.add_metric([job, run.outcome], run.ended_us / SECOND)
    yield running
    yield ended


def serve_metrics(store: RunStore, holder: str, port: int) -> None:
    """Serve `/metrics` on this machine's port until the process ends. Raises BadInput."""
    registry = CollectorRegistry()
    registry.register(LoopCollector(store, holder))
    try:
        start_http_server(port, registry=registry)
    except (OSError, OverflowError) as bad:
        raise BadInput(f"port {port} cannot be opened", rule="port-in-use") from bad
