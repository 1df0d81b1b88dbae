"""Lineage: events that OpenLineage knows, kept in an outbox, sent once, and never in the way."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from config.settings import Settings
from domain.clock import FixedClock
from domain.errors import Refused, Unavailable
from domain.versions.manifest import Manifest
from registry.lineage.outbox import DATABASE, Outbox
from registry.lineage.outbox_file import EVENTS, REFUSED, SENT
from wiring.lineage import LineageEmitter, open_teller, outbox_of, send_waiting, sender

CLOCK = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))


class Server(ThreadingHTTPServer):
    """Takes events, and answers what it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.taken: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.server.answers.pop(0) if self.server.answers else 201
        if answer < 300:
            assert self.path == "/api/v1/lineage"
            self.server.taken.append(body)
        self.send_response(answer)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *given: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    held = Server()
    Thread(target=held.serve_forever, daemon=True).start()
    yield held
    held.shutdown()
    held.server_close()


def kept(outbox: Outbox, *state: str) -> list[dict[str, Any]]:
    """The events of an outbox in order; those of one state where it is given."""
    where = "WHERE state = ?" if state else ""
    query = f"SELECT body FROM lineage_events {where} ORDER BY sequence"
    with closing(sqlite3.connect(outbox.folder / DATABASE)) as database:
        return [json.loads(body) for (body,) in database.execute(query, state)]


def states(events: list[dict[str, Any]]) -> list[str]:
    return [event["eventType"] for event in events]


def test_a_run_says_what_it_read_and_made(
    tmp_path: Path, manifest: Callable[..., Manifest]
) -> None:
    outbox = Outbox(tmp_path / "lineage")
    with LineageEmitter(outbox, None, CLOCK).run("train") as told:
        told.add_log(manifest().lineage)
        told.add_output("models/lead", "lead-3")
    start, complete = kept(outbox)
    assert states([start, complete]) == ["START", "COMPLETE"]
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert complete["job"]["name"] == "train"
    (log,) = complete["inputs"]
    facet = log["facets"]["leadscore_eventLog"]
    assert (facet["events"], facet["hash"]) == (2, "a" * 64)
    assert facet["watermark"] == "1970-01-01T00:00:00.000001Z"
    assert log["facets"]["version"]["datasetVersion"] == "a" * 64
    (made,) = complete["outputs"]
    assert (made["name"], made["facets"]["version"]["datasetVersion"]) == ("models/lead", "lead-3")


def test_failures_are_told_and_raised_without_what_others_say(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "lineage")
    teller = LineageEmitter(outbox, None, CLOCK)
    for error, said in (
        (Refused("no", rule="gate"), "no [gate]"),
        (ValueError("someone@company.com"), "ValueError"),
    ):
        with pytest.raises(type(error)), teller.run("promote"):
            raise error
        assert kept(outbox)[-1]["run"]["facets"]["errorMessage"]["message"] == said
    with pytest.raises(KeyboardInterrupt), teller.run("train"):
        raise KeyboardInterrupt
    assert states(kept(outbox)) == ["START", "FAIL", "START", "FAIL", "START", "ABORT"]


def test_what_could_not_be_sent_is_sent_later_once(tmp_path: Path, server: Server) -> None:
    settings = Settings(home=tmp_path, lineage_url=server.url)
    server.answers = [503]
    with open_teller(settings).run("train"):
        pass
    assert server.taken == []
    assert outbox_of(settings).waiting() == 2
    server.answers = [201, 500]
    with pytest.raises(Unavailable) as raised:
        send_waiting(settings)
    assert raised.value.retryable
    assert states(server.taken) == ["START"]
    with open_teller(settings).run("register"):
        pass
    assert states(server.taken) == ["START", "COMPLETE"] * 2
    assert [e["job"]["name"] for e in server.taken] == ["train"] * 2 + ["register"] * 2
    assert send_waiting(settings) == 0
    assert server.taken == kept(outbox_of(settings))


def test_a_server_that_is_away_stops_nothing(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, lineage_url="http://127.0.0.1:9")
    with open_teller(settings).run("train") as told:
        told.add_output("models/lead", "lead-1")
    assert outbox_of(settings).waiting() == 2


def test_an_outbox_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "lineage").write_text("a file where the folder should be")
    done = []
    with open_teller(Settings(home=tmp_path)).run("train"):
        done.append(True)
    assert done


def test_a_bad_event_does_not_hold_up_the_others(tmp_path: Path, server: Server) -> None:
    outbox = Outbox(tmp_path / "lineage")
    for number in range(3):
        outbox.add(b'{"number":%d}' % number)
    server.answers = [201, 422]
    assert outbox.send(sender(server.url, 2.0)) == 2
    assert [e["number"] for e in server.taken] == [0, 2]
    assert kept(outbox, "refused") == [{"number": 1}]
    assert outbox.waiting() == 0


def test_files_of_the_former_form_are_taken_over_once(tmp_path: Path, server: Server) -> None:
    folder = tmp_path / "lineage"
    folder.mkdir()
    events = [b'{"number":%d}\n' % number for number in range(5)]
    (folder / EVENTS).write_bytes(b"".join(events) + b'{"numb')  # a crash cut the last one off
    (folder / SENT).write_text(str(len(b"".join(events[:3]))))
    (folder / REFUSED).write_bytes(events[1])
    former = {name: (folder / name).read_bytes() for name in (EVENTS, SENT, REFUSED)}
    assert Outbox(folder).waiting() == 2
    assert not {file.name for file in folder.iterdir()} & former.keys()
    for name, content in former.items():  # died before they were removed
        (folder / name).write_bytes(content)
    outbox = Outbox(folder)
    outbox.add(b'{"number":5}')
    assert outbox.send(sender(server.url, 2.0)) == 3
    assert [e["number"] for e in server.taken] == [3, 4, 5]
    assert kept(outbox, "refused") == [{"number": 1}]
    assert [e["number"] for e in kept(outbox)] == [*range(6)]


def test_an_outbox_is_bounded_and_its_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.lineage.outbox.MOST", 3)
    outbox = Outbox(tmp_path / "lineage")
    mask = os.umask(0)
    try:
        for number in range(5):
            outbox.add(b'{"number":%d}' % number)
    finally:
        os.umask(mask)
    assert [e["number"] for e in kept(outbox)] == [2, 3, 4]
    modes = {file.stat().st_mode & 0o777 for file in outbox.folder.iterdir()}
    assert modes == {0o600}


KILLED = """
import sys
from pathlib import Path
from registry.lineage.outbox import Outbox
outbox = Outbox(Path(sys.argv[1]))
for number in range(100_000):
    outbox.add(b'{"number":%d}' % number)
    print(number, flush=True)
"""


def test_what_was_kept_survives_a_kill(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", KILLED, str(tmp_path / "lineage")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        process.kill()
        told = 19 + len(process.stdout.read().splitlines())
    numbers = [e["number"] for e in kept(Outbox(tmp_path / "lineage"))]
    assert numbers == [*range(len(numbers))]
    assert len(numbers) > told


def test_processes_that_send_at_once_send_each_event_once(
    tmp_path: Path, server: Server, forked: Callable[..., list[int | None]]
) -> None:
    outbox = Outbox(tmp_path / "lineage")

    def work() -> None:
        for number in range(5):
            outbox.add(b'{"number":%d}' % number)
            outbox.send(sender(server.url, 10.0))

    assert forked(*[work] * 3) == [0] * 3
    assert outbox.waiting() == 0
    assert len(server.taken) == len(kept(outbox)) == 15
