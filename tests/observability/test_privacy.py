"""Addresses and numbers sent down every path that fails: in no log, metric or span."""

import json
import logging
import re
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import Settings
from jobs.signals.publish_files import publish_files
from serving.supervisor import start
from telemetry.logs import JsonLines, RedactingFilter, redacted
from tests.observability.collector import collecting
from tests.serving.double import SECRET
from tests.soak.commands import begin, said
from tests.waiting import until

ADDRESS, NUMBER = "jo.private@example.com", "+1 555 000 1234"
PRIVATE = (ADDRESS, "jo.private", NUMBER, "5550001234", SECRET, "jo.personal")
JSON = {"content-type": "application/json"}


def bodies() -> list[bytes]:
    told: list[Any] = [
        {"lead_id": ADDRESS},
        {"lead_id": NUMBER},
        {"identifiers": {"email": ADDRESS}},
        {"identifiers": {ADDRESS: "x"}},
        {"identifiers": {"crm_id": "bug"}},
        {"identifiers": {"crm_id": "down"}},
        {"identifiers": {"email": {"a": NUMBER}}},
        {ADDRESS: 1},
        [NUMBER],
        ADDRESS,
        {"events": [{"id": ADDRESS, "source": NUMBER, "type": ADDRESS}]},
        {"events": [ADDRESS]},
        {"lead_ids": [ADDRESS, NUMBER]},
        {"lead_ids": [[ADDRESS]]},
    ]
    return [*(json.dumps(one).encode() for one in told), b'{"' + ADDRESS.encode(), b"\xff" * 9]


def send_everywhere(http: httpx.Client) -> set[int]:
    said = set()
    for body in bodies():
        for path in ("/score", "/score_batch", "/events"):
            said.add(http.post(path, content=body, headers=JSON).status_code)
    named = {"user-agent": ADDRESS, "x-request-id": NUMBER, "baggage": f"who={ADDRESS}"}
    state = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": f"x={ADDRESS}"}
    for path in (f"/{ADDRESS}", f"/decisions/{ADDRESS}", f"/leads?cursor={ADDRESS}&x={NUMBER}"):
        for method in ("GET", "POST", "DELETE", "JO.PRIVATE"):
            said.add(http.request(method, path, headers={**named, **state}).status_code)
    said.add(http.post("/score", content=ADDRESS, headers={"content-type": ADDRESS}).status_code)
    return said


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_private_leaves_the_service(tmp_path: Path, form: str) -> None:
    with collecting() as collector:
        said = Settings(home=tmp_path, logs=form, traces=collector.url)  # type: ignore[arg-type]
        server = start(said, "127.0.0.1", 0, 1, "tests.serving.double:Double")
        try:
            server.wait_ready()
            with httpx.Client(base_url=server.url, timeout=30) as http:
                assert send_everywhere(http) >= {200, 400, 404, 405, 415, 422, 500, 503}
                bug = http.post("/score", json={"identifiers": {"crm_id": "bug"}}).json()
                page = http.get("/metrics").text
            trace_id = bug["instance"].rpartition(":")[2]
            collector.wait(lambda held: any(s.trace_id.hex() == trace_id for s in held))
        finally:
            server.stop()
    log = server.log.read_text()
    sent = b"".join(collector.bodies).decode("utf-8", "replace")
    for private in PRIVATE:
        for place, text in {"log": log, "metrics": page, "spans": sent}.items():
            assert private.lower() not in text.lower(), (private, place)
    assert trace_id in log
    if form == "json":
        lines = [json.loads(line) for line in log.splitlines()]
        assert all(set(x) == {"time", "level", "logger", "message", "trace_id"} for x in lines)
        (line,) = [x for x in lines if x["trace_id"] == trace_id]
        assert (line["level"], line["logger"]) == ("error", "bentoml.leadscore")
        assert "RuntimeError" in line["message"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


def test_nothing_private_leaves_a_worker(nats: str, tmp_path: Path) -> None:
    """Bad messages, and an online store that is away."""
    events = tmp_path / "events.jsonl"
    who = {"identifiers": {"email": ADDRESS, "phone": NUMBER}, "data": {"page": ADDRESS}}
    when = {"source": "web", "time": "2026-01-01T00:00:00Z"}
    kinds = ["web.page_viewed", ADDRESS, "web.nothing"]
    lines = [json.dumps({"id": k, "type": k, **when, **who}) for k in kinds]
    events.write_text("\n".join([*lines, f'{{"{ADDRESS}', f'"{NUMBER}"\n']))
    environment = {
        "LEADSCORE_HOME": str(tmp_path / "home"),
        "LEADSCORE_BUS": nats,
        "LEADSCORE_LOGS": "json",
        "LEADSCORE_ONLINE": "redis://127.0.0.1:9",
    }
    publish_files(Settings(home=tmp_path / "home", bus=nats), [str(events)], None, lambda _: None)
    worker = begin(environment, "worker", "--lease", "1")
    try:
        until(lambda: "waiting" in said(environment), what="the worker does not begin")
    finally:
        worker.tell(signal.SIGTERM)
    log = said(environment)
    assert not [private for private in PRIVATE if private in log], log
    told = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert any(x["logger"] == "leadscore.stream" and "waiting" in x["message"] for x in told)


@settings(max_examples=50)
@given(
    st.emails(),
    st.integers(10**9, 10**12),
    st.sampled_from(["lead %s failed", "%s", "<%s>", 'bad value "%s",', "x=%s;"]),
)
def test_addresses_and_numbers_are_taken_out(address: str, number: int, around: str) -> None:
    assert address not in redacted(around % address)
    assert str(number) not in redacted(around % number)
    assert f"+{number}" not in redacted(around % f"+{number}")


@pytest.mark.parametrize(
    "text",
    [
        "urn:leadscore:trace:4bf92f3577b34da6a3ce929d0e0e4736",
        "4bf92f3577b34da6a3ce929d0e0e4736, RuntimeError",
        "partition 3 cannot be read yet: TimeoutError",
        '  File "serving/service.py", line 123, in _score',
        "waiting 5.0 s: Unavailable",
        "redis://127.0.0.1:6379/0",
        "2026-01-01 and 2026-01-01T12:00:00.000Z",
    ],
)
def test_what_an_operator_needs_stays(text: str) -> None:
    assert redacted(text) == text


def test_an_errors_message_is_left_behind() -> None:
    try:
        int(ADDRESS)
    except ValueError:
        failed = sys.exc_info()
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "broke: %s", (ADDRESS,), failed)
    assert RedactingFilter().filter(record)
    line = JsonLines().format(record)
    assert ADDRESS not in line
    assert "ValueError" in json.loads(line)["message"]
    assert "test_privacy.py" in line
