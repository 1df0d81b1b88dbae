"""`leadscore worker` as users run it, on a real bus: killed, stopped, idle; and `publish`."""

import asyncio
import json
import signal
import sqlite3
import urllib.request
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import create_engine, text

from config.settings import Settings
from signals.stream.headers import REJECTED_HEADER, RejectedRow, Whence, headers_of, whence
from tests import waiting
from tests.commands import Answer, leadscore
from tests.servers import Process, free_port
from tests.soak.commands import Command, begin
from tests.soak.commands import said as everything_said
from tests.stream.buses import document, publish

PEOPLE, ROUNDS = 20, 30
TOTAL = PEOPLE * ROUNDS
SHORT_LEASE = ("--lease", "3", "--deliveries", "100")
"""A busy machine outlasts it now and then: no message is a dead letter for that."""
UNTIL_IDLE = ("--until-idle", "--give-up-after", "600", *SHORT_LEASE)


@pytest.fixture
def environment(tmp_path: Path, own_nats: Process) -> dict[str, str]:
    return {
        "LEADSCORE_HOME": str(tmp_path / "home"),
        "LEADSCORE_BUS": f"nats://127.0.0.1:{own_nats.port}",
    }


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    lines = [document(r * PEOPLE + i, f"p{i}") for r in range(ROUNDS) for i in range(PEOPLE)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def said(done: Answer) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def started(environment: dict[str, str], *words: str) -> Command:
    return begin(environment, "worker", "--batch", "4", *SHORT_LEASE, *words)


def logged(environment: dict[str, str]) -> list[dict[str, object]]:
    """The log's documents, in the order of the log."""
    engine = create_engine(Settings(home=Path(environment["LEADSCORE_HOME"])).signals_db)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT body FROM events ORDER BY sequence")).scalars()
        held = [json.loads(body) for body in rows]
    engine.dispose()
    return held


def until(fact: Callable[[], bool], seconds: float = waiting.PATIENCE_S) -> None:
    """Wait for what must be so; what cannot be asked yet is not so yet."""

    def holds() -> bool:
        try:
            return fact()
        except Exception:
            return False

    waiting.until(holds, seconds)


def test_killed_stopped_and_begun_again_nothing_is_lost_nor_taken_twice(
    environment: dict[str, str], events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(environment["LEADSCORE_HOME"])
    monkeypatch.setenv("LEADSCORE_BUS", environment["LEADSCORE_BUS"])
    sent = json.loads(said(leadscore(home, "publish", str(events), "--json")))
    assert sent == {str(events): TOTAL}
    killed = started(environment)
    until(lambda: len(logged(environment)) > 0)
    killed.tell(signal.SIGKILL)
    at_kill = len(logged(environment))
    assert at_kill < TOTAL
    stopped = started(environment)
    until(lambda: len(logged(environment)) > at_kill)
    stopped.tell(signal.SIGTERM)
    assert stopped.ended() == 0
    assert "Traceback" not in everything_said(environment)
    asyncio.run(publish(environment["LEADSCORE_BUS"], events.read_bytes().splitlines()))  # again
    words = ["worker", *UNTIL_IDLE, "--json"]
    last = json.loads(said(leadscore(home, *words)))
    assert last["counts"]["quarantined"] == 0
    assert last["counts"]["duplicates"] >= TOTAL
    assert last["dead"] == {}
    log = logged(environment)
    assert len({e["id"] for e in log}) == len(log) == TOTAL
    for i in range(PEOPLE):
        mine = [int(str(e["id"])[1:]) for e in log if e["identifiers"] == {"user_id": f"p{i}"}]
        assert mine == sorted(mine)


def test_metrics_say_what_was_taken_and_what_waits(
    environment: dict[str, str], events: Path
) -> None:
    asyncio.run(
        publish(environment["LEADSCORE_BUS"], [*events.read_bytes().splitlines(), b"not JSON"])
    )
    port = free_port()
    worker = started(environment, "--metrics-port", str(port))

    def metrics() -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return {n: float(v) for n, _, v in (x.rpartition(" ") for x in lines if x[0] != "#")}

    until(lambda: metrics()["leadscore_messages_pending"] > 0)
    until(lambda: metrics()['leadscore_events_total{outcome="accepted"}'] == TOTAL)
    until(lambda: metrics()['leadscore_events_total{outcome="quarantined"}'] == 1)
    until(lambda: metrics()["leadscore_messages_pending"] == 0)
    until(lambda: metrics()["leadscore_lag_seconds"] == 0)
    seen = metrics()
    assert seen["leadscore_watermark_timestamp_seconds"] > 1_767_225_600
    assert [v for n, v in seen.items() if n.startswith("leadscore_quarantine{")] == [1]
    worker.tell(signal.SIGINT)
    assert worker.ended() == 0


def test_a_bus_that_goes_for_good_is_given_up(
    environment: dict[str, str], events: Path, own_nats: Process
) -> None:
    """Some messages are in hand when it goes: a lock keeps them there until it is gone."""
    home = Path(environment["LEADSCORE_HOME"])
    asyncio.run(publish(environment["LEADSCORE_BUS"], events.read_bytes().splitlines()))
    worker = started(environment, "--until-idle", "--give-up-after", "8")
    until(lambda: len(logged(environment)) > 0)
    other = sqlite3.connect(home / "signals.db", isolation_level=None, timeout=10)
    other.execute("BEGIN IMMEDIATE")
    own_nats.stop()
    other.close()
    until(lambda: worker.ended() is not None)
    told = everything_said(environment)
    assert worker.ended() == 3, told
    assert "[bus-reachable]" in told
    assert "--give-up-after" in told
    assert "Traceback" not in told


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for bus, code, rule in (("", 2, "bus-known"), ("nats://127.0.0.1:1", 3, "bus-reachable")):
        monkeypatch.setenv("LEADSCORE_BUS", bus)
        done = leadscore(tmp_path, "worker")
        assert done.returncode == code, done.stderr
        assert rule in done.stderr
        assert "Traceback" not in done.stderr


TABLE = """
name: people
source: people
tables:
  - identifiers: {{crm_id: Id}}
    id: {key}
    refuse: {refuse}
    time: time
    events: [{{name: made, type: own.made}}, {{name: seen, type: own.seen}}]
"""
# the columns of a signal: what the mapping rejects must not be taken for one
ROWS = """Id,Size,id,source,type,time
L1,1x,1,web,web.page_viewed,2024-05-01T10:00:00Z
L2,7,2,web,web.page_viewed,2024-05-01T10:00:00Z
L3,1x,3,web,web.page_viewed,2024-05-01T10:00:00Z
"""


@pytest.mark.parametrize("key", ["[]", "[Id]"])
@pytest.mark.parametrize("again", ["publish", "ingest"])
def test_a_row_that_came_over_the_bus_is_cured_by_a_mended_mapping(
    key: str, again: str, nats: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, rows, mapping = tmp_path / "home", tmp_path / "people.csv", tmp_path / "m.yaml"
    monkeypatch.setenv("LEADSCORE_BUS", nats)
    rows.write_text(ROWS)
    words = [str(rows), "--mapping", str(mapping)]
    consume = ["worker", *UNTIL_IDLE, "--mapping", str(mapping)]

    def quarantined() -> dict[str, int]:
        told = json.loads(said(leadscore(home, "quarantine", "list", "--json")))
        said(leadscore(home, "quarantine", "verify"))
        return dict(told["by_rule"])

    refuse = "[{rule: odd-size, when: [{column: Size, equals: 1x}]}]"
    mapping.write_text(TABLE.format(key=key, refuse=refuse))
    for _ in range(2):  # the same row again is the same
        said(leadscore(home, "publish", *words))
        said(leadscore(home, *consume))
        assert quarantined() == {"odd-size": 2}
    mapping.write_text(TABLE.format(key=key, refuse="[]"))
    said(leadscore(home, again, *words))
    if again == "publish":
        said(leadscore(home, *consume))
    assert quarantined() == {}
    verified = json.loads(said(leadscore(home, "quarantine", "verify", "--json")))
    assert (verified["in_log"], verified["totals"]["cured"]) == (6, 2)


def test_headers_that_say_nothing_sound_leave_a_document_a_document() -> None:
    sound = RejectedRow(rule="odd-size", source="people", detail="Größe: no", keys=("A" * 16,))
    headers = headers_of("ä b.csv", 7, sound)
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    assert whence(headers) == Whence("ä b.csv", 7, "", sound)
    row = msgspec.structs.replace(sound, detail="\x1b[31m").of("f", 1, b"{}")
    assert (row.rule, row.detail, row.keys) == ("odd-size", "", ("A" * 16,))
    for bad in (
        "no",
        "[]",
        '{"rule":"A b","source":"s"}',
        '{"rule":"a","source":"s","keys":["x"]}',
    ):
        assert whence({**headers, REJECTED_HEADER: bad}).rejected is None
