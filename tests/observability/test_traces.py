"""Spans of the service, the worker and the batch job, as a collector gets them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from config.settings import Settings
from jobs.signals.publish_files import publish_files
from serving.supervisor import running
from telemetry.traces import links
from tests.conftest import Trained
from tests.observability.collector import Collector, attributes, collecting

STAGES = {"features", "score", "policy", "audit"}
CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{CALLER}-00f067aa0ba902b7-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as held:
        yield held


def run(environment: dict[str, str], *words: str) -> None:
    """A command in a process of its own: it sends its last spans as it ends."""
    subprocess.run(
        [sys.executable, "-m", "leadscore", *words],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        timeout=500,
    )


def with_trace(spans: list[Span], trace_id: str) -> list[Span]:
    return [s for s in spans if s.trace_id.hex() == trace_id]


def lead_of(http: httpx.Client) -> dict[str, object]:
    for crm in range(1, 40):
        answer = http.post("/score", json={"identifiers": {"crm_id": f"L-{crm:07d}"}})
        if answer.status_code == 200:
            held: dict[str, object] = answer.json()
            return held
    raise AssertionError("no lead is known")


@pytest.mark.slow
def test_a_request_is_one_trace_and_its_answer_names_it(
    own_home: Settings, trained: Trained, collector: Collector
) -> None:
    settings = msgspec.structs.replace(own_home, traces=collector.url)
    event = next(x for x in trained.signals.read_bytes().splitlines() if b'"web.page_viewed"' in x)
    sent = {**json.loads(event), "id": "traced"}
    with running(settings) as url, httpx.Client(base_url=url, timeout=60) as http:
        answer = lead_of(http)
        asked = {"lead_id": str(answer["lead_id"])}
        mine = http.post("/score", json=asked, headers={"traceparent": PARENT}).json()
        refused = http.post("/score", json={"lead_id": "lead_nobody"}).json()
        assert http.post("/events", json={"events": [sent]}).status_code == 200
        refused_trace = refused["instance"].rpartition(":")[2]
        spans = collector.wait(lambda held: bool(with_trace(held, refused_trace)))
        collector.wait(lambda held: any(s.name == "ingest" for s in held))
        spans = list(collector.spans)

    assert collector.services == {"leadscore-service"}
    for trace_id in (str(answer["trace_id"]), mine["trace_id"]):
        one = with_trace(spans, trace_id)
        (server,) = [s for s in one if s.name == "POST /score"]
        assert {s.name for s in one} == STAGES | {"POST /score"}
        assert {s.parent_span_id for s in one if s.name in STAGES} == {server.span_id}
        said = attributes(server)
        versions = answer["versions"]
        assert isinstance(versions, dict)
        assert said["leadscore.arm"] == answer["arm"]
        assert {said[f"leadscore.{k}"] for k in versions} == set(versions.values())
        assert said["leadscore.rows"] == 1
    assert mine["trace_id"] == CALLER

    (bad,) = [s for s in with_trace(spans, refused_trace) if s.name == "POST /score"]
    assert attributes(bad)["leadscore.outcome"] == "unknown-lead"
    (taken,) = [s for s in spans if s.name == "ingest"]
    counted = attributes(taken)
    assert counted["leadscore.received"] == 1

    everything = b"".join(collector.bodies)
    for private in (
        asked["lead_id"],
        "lead_nobody",
        mine["decision_id"],
        "127.0.0.1",
        "python-httpx",
    ):
        assert private.encode() not in everything, private


@pytest.mark.slow
def test_the_batch_job_is_traced(own_home: Settings, collector: Collector, tmp_path: Path) -> None:
    environment = {**own_home.environment(), "LEADSCORE_TRACES": collector.url}
    out = tmp_path / "scores.parquet"
    run(environment, "score", "--all", "--out", str(out))
    spans = collector.wait(lambda held: any(s.name == "batch" for s in held))
    batch = [s for s in spans if s.name == "batch"]
    for one in batch:
        inside = {s.name for s in spans if s.parent_span_id == one.span_id}
        assert inside >= STAGES
    assert b"lead_" not in b"".join(collector.bodies)


def test_the_worker_links_its_batches_to_what_their_producers_say(
    nats: str, tmp_path: Path, collector: Collector
) -> None:
    import asyncio

    from nats import connect

    home = {"LEADSCORE_HOME": str(tmp_path / "home"), "LEADSCORE_BUS": nats}
    environment = {**home, "LEADSCORE_TRACES": collector.url}
    events = tmp_path / "events.jsonl"
    events.write_text(
        '{"id":"1","source":"web","type":"web.page_viewed","time":"2026-01-01T00:00:00Z",'
        '"identifiers":{"email":"jo.doe@example.com"},"data":{"page":"pricing"}}\n'
    )

    publish_files(Settings(home=tmp_path / "home", bus=nats), [str(events)], None, lambda _: None)

    async def traced_message() -> None:
        client = await connect(nats)
        body = events.read_bytes().replace(b'"id":"1"', b'"id":"2"')
        await client.jetstream().publish(
            "leadscore.events.0", body, headers={"traceparent": PARENT}
        )
        await client.close()

    asyncio.run(traced_message())
    run(environment, "worker", "--until-idle", "--lease", "1")
    spans = collector.wait(lambda held: any(s.name == "batch" for s in held))
    assert collector.services == {"leadscore-worker"}
    batches = [s for s in spans if s.name == "batch"]
    assert {link.trace_id.hex() for s in batches for link in s.links} == {CALLER}
    for batch in batches:
        inside = {s.name for s in spans if s.parent_span_id == batch.span_id}
        assert inside == {"ingest", "push"}
    assert b"jo.doe" not in b"".join(collector.bodies)


def test_a_share_of_traces_is_sent_and_every_answer_has_its_id(
    tmp_path: Path, collector: Collector
) -> None:
    settings = Settings(home=tmp_path, traces=collector.url, traces_share=0.0)
    with (
        running(settings, service="tests.serving.double:Double") as url,
        httpx.Client(base_url=url) as http,
    ):
        ids = [http.post("/score", json={"lead_id": "x"}).json()["instance"] for _ in range(5)]
        http.post("/score", json={"lead_id": "x"}, headers={"traceparent": PARENT})
        spans = collector.wait(lambda held: bool(with_trace(held, CALLER)))
    assert len(set(ids)) == 5
    assert {s.trace_id.hex() for s in spans} == {CALLER}


def test_a_collector_that_is_away_delays_nobody(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, traces="http://127.0.0.1:9")
    began = time.monotonic()
    with (
        running(settings, service="tests.serving.double:Double") as url,
        httpx.Client(base_url=url) as http,
    ):
        ready = time.monotonic()
        for _ in range(50):
            assert http.post("/score", json={"lead_id": "x"}).status_code == 404
        assert time.monotonic() - ready < 5
        stopping = time.monotonic()
    assert time.monotonic() - stopping < 10, time.monotonic() - began


def test_what_is_no_trace_context_links_to_nothing() -> None:
    assert (
        links(["", "nonsense", PARENT.replace("00-", "zz-", 1), f"00-{'0' * 32}-{'0' * 16}-01"])
        == []
    )
    assert len(links([PARENT, PARENT])) == 1


def test_an_exported_span_holds_only_what_is_listed() -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from telemetry.redacting_exporter import RedactingExporter

    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(RedactingExporter(kept)))
    tracer = provider.get_tracer("x")

    def fails() -> None:
        with tracer.start_as_current_span("GET /jo.doe@example.com") as span:
            span.set_attributes(
                {
                    "http.url": "/leads?x=jo.doe@example.com",
                    "net.peer.ip": "10.1.2.3",
                    "http.user_agent": "jo",
                    "leadscore.arm": "champion",
                    "leadscore.model": "jo.doe@example.com",
                    "http.status_code": 200,
                }
            )
            raise ValueError("jo.doe@example.com")

    with pytest.raises(ValueError, match="jo"):
        fails()
    (sent,) = kept.get_finished_spans()
    assert dict(sent.attributes or {}) == {
        "leadscore.arm": "champion",
        "leadscore.model": "other",
        "http.status_code": 200,
    }
    assert (sent.name, len(sent.events), sent.status.description) == ("GET other", 0, None)
    assert sent.status.status_code.value == Status.STATUS_CODE_ERROR
