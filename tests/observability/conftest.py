"""The pages that Prometheus reads, of a running service and of a worker."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from config.settings import Settings
from domain.findings import QualityFindings
from domain.signals import Counts
from jobs.signals.worker_metrics import WorkerCollector, WorkerStatus
from serving.supervisor import running
from signals.stream.handler import Handler
from tests.serving.double import KNOWN

Page = dict[str, Metric]


class NoSink:
    def commit(self, documents: object, origin: str, rejected: object = ()) -> Counts:
        return Counts()

    def push(self) -> None:
        pass


def families(text: str) -> Page:
    return {family.name: family for family in text_string_to_metric_families(text)}


@pytest.fixture(scope="session")
def service_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Of a service that has scored, refused and taken events in."""
    home: Path = tmp_path_factory.mktemp("page")
    with (
        running(Settings(home=home), service="tests.serving.double:Double") as url,
        httpx.Client(base_url=url, timeout=30) as http,
    ):
        http.post("/score", json={"lead_id": KNOWN[0]})
        http.post("/score", json={"lead_id": "lead_nobody"})
        http.post("/events", json={"events": ["none"]})
        yield families(http.get("/metrics").text)


@pytest.fixture(scope="session")
def worker_page() -> Page:
    """Of a worker that has begun."""
    handler = Handler(NoSink(), asyncio.Event(), time.monotonic)
    registry = CollectorRegistry()
    registry.register(WorkerCollector(WorkerStatus(handler, findings=QualityFindings())))
    return families(generate_latest(registry).decode())
