"""The audit trail is locked, its disk full, its server gone: nobody is answered unrecorded."""

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import event

from config.settings import Settings
from decisions.audit.spool import Spool
from domain.circuit_breaker import CircuitBreaker
from domain.decisions import PolicyQuestion, RequestKey
from domain.errors import Unavailable
from domain.scores import ScoreAnswer
from serving.supervisor import running as serving
from tests.resilience.conftest import lead_ids
from tests.servers import Postgres, postgres_server
from tests.waiting import until
from wiring.decisions import open_trail
from wiring.scoring import Scoring, open_scoring

WAIT_MS = 300
DISK_KB = 6_000
AGAIN_S = 1.0


@pytest.fixture
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trail that failed is tried again after a second, not after five."""

    def breaker(*given: Any, open_s: float, **others: Any) -> CircuitBreaker:
        return CircuitBreaker(*given, open_s=min(open_s, AGAIN_S), **others)

    monkeypatch.setattr("wiring.decisions.CircuitBreaker", breaker)


def open_live(settings: Settings, **changed: object) -> Scoring:
    held = {"audit_wait_ms": WAIT_MS, **changed}
    return open_scoring(msgspec.structs.replace(settings, **held), live=True)


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold the trail's write lock, as a backup or a stray shell would."""
    other = sqlite3.connect(home / "audit.db", isolation_level=None, timeout=10)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


def refused(scoring: Scoring, leads: list[str]) -> bool:
    told = scoring.answerer.answer([PolicyQuestion(lead_id=i) for i in leads])
    assert {type(one) for one in told} in ({Unavailable}, {ScoreAnswer}), told
    return isinstance(told[0], Unavailable)


def until_taken(scoring: Scoring, leads: list[str], spool: Path) -> int:
    """Ask, and be answered, until nothing waits in the spool; how often it was asked."""
    asked, waiting = 0, Spool(spool, 64 << 20)

    def taken() -> bool:
        nonlocal asked
        assert not refused(scoring, leads), "room is there again"
        asked += 1
        return waiting.is_empty()

    until(taken, what="the spool is never taken into the trail", every=AGAIN_S / 4)
    return asked


def test_while_the_trail_is_locked_scores_are_refused_in_time_and_all_else_goes_on(
    own_home: Settings,
) -> None:
    settings = msgspec.structs.replace(own_home, audit_wait_ms=WAIT_MS)
    lead = lead_ids(open_scoring(own_home), 1)[0]
    with serving(settings) as url, httpx.Client(base_url=url, timeout=30) as client:
        first = client.post("/score", json={"lead_id": lead})
        assert first.status_code == 200
        with locked(own_home.home):
            for path, body in (
                ("/score", {"lead_id": lead}),
                ("/score_batch", {"lead_ids": [lead]}),
            ):
                began = time.monotonic()
                told = client.post(path, json=body)
                assert told.status_code == 503
                assert told.headers["retry-after"] == "1"
                assert told.json()["rule"] == "audit-available"
                assert time.monotonic() - began < 5 * WAIT_MS / 1000
            for path in (
                "/livez",
                "/readyz",
                "/leads",
                f"/decisions/{first.json()['decision_id']}",
            ):
                began = time.monotonic()
                assert client.get(path).status_code == 200
                assert time.monotonic() - began < WAIT_MS / 1000 + 0.5
            otherwise = {"lead_id": lead, "changes": {"employees": 9}}
            assert client.post("/what_if", json=otherwise).status_code == 200
        again = client.post("/score", json={"lead_id": lead})
        assert again.status_code == 200
        assert again.json()["score"] == first.json()["score"]
        metrics = client.get("/metrics").text
        assert 'outcome="unavailable"' in metrics
        assert 'leadscore_breaker_open{store="audit"} 0.0' in metrics
    trail = open_trail(own_home)
    assert trail.verify().broken is None
    assert len(list(trail.records())) == 2


def test_a_spool_answers_while_the_trail_is_locked_through_the_service(
    own_home: Settings, tmp_path: Path
) -> None:
    settings = msgspec.structs.replace(
        own_home, audit_wait_ms=WAIT_MS, audit_spool=str(tmp_path / "spool")
    )
    lead, other = lead_ids(open_scoring(own_home), 2)
    with serving(settings) as url, httpx.Client(base_url=url, timeout=30) as client:
        once = {"Idempotency-Key": "one"}
        with locked(own_home.home):
            told = [client.post("/score", json={"lead_id": lead}) for _ in range(3)]
            told.append(client.post("/score", json={"lead_id": other}, headers=once))
            assert [one.status_code for one in told] == [200] * 4
            again = client.post("/score", json={"lead_id": other}, headers=once)
            assert again.json() == told[-1].json(), "a spooled answer is given again"
            for one in told:
                held = client.get(f"/decisions/{one.json()['decision_id']}")
                assert held.json()["answer"] == one.json()
            assert 'leadscore_breaker_open{store="audit"} 1.0' in client.get("/metrics").text
    trail = open_trail(settings)  # who opens it moves what waits
    ids = [one.json()["decision_id"] for one in told]
    assert [r.answer.decision_id for r in trail.records()] == ids
    assert trail.verify().broken is None


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of its own at a folder, with little room. Skips where none can be made."""
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", str(folder)]
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    if subprocess.run([mount, *options], check=False, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Write until the disk has no room left."""
    with ballast.open("ab", buffering=0) as stream, suppress(OSError):
        while stream.write(b"x" * 4096):
            pass


@pytest.mark.usefixtures("soon_again")
@pytest.mark.parametrize("spooled", [False, True])
def test_a_full_disk_refuses_and_room_lets_go_on(
    own_home: Settings, tmp_path: Path, *, spooled: bool
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk):
        spool = str(tmp_path / "spool") if spooled else ""
        scoring = open_live(own_home, audit_url=f"sqlite:///{disk / 'audit.db'}", audit_spool=spool)
        leads = lead_ids(scoring, 3)
        answered = 0
        ballast = disk / "ballast"
        assert not refused(scoring, leads)
        answered += 3
        fill(ballast)
        for _ in range(40):
            if refused(scoring, leads):
                break
            answered += 3
        assert refused(scoring, leads) != spooled
        answered += 3 if spooled else 0
        ballast.unlink()
        answered += 3 * until_taken(scoring, leads, tmp_path / "spool")
        found = scoring.trail.verify()
        assert (found.broken, found.count) == (None, answered)
        scoring.plane.engine.dispose()
        scoring.trail._engine.dispose()


def test_a_database_that_may_not_grow_refuses(own_home: Settings) -> None:
    """SQLite's own "database or disk is full"."""
    scoring = open_live(own_home)
    leads = lead_ids(scoring, 3)
    assert not refused(scoring, leads)
    engine = scoring.trail._engine
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def bound(connection: Any, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(engine, "connect", bound)
    engine.dispose()  # those that are open have no bound
    told = [refused(scoring, leads) for _ in range(20)]
    assert told[-1]
    answered = 3 * (1 + told.count(False))
    found = scoring.trail.verify()
    assert (found.broken, found.count) == (None, answered)
    event.remove(engine, "connect", bound)
    engine.dispose()
    assert not refused(scoring, leads)


@pytest.mark.usefixtures("soon_again")
def test_a_server_that_goes_and_comes_back(own_home: Settings, tmp_path: Path) -> None:
    with postgres_server() as server:
        url = server.fresh()
        plain = open_live(own_home, audit_url=url)
        spooled = open_live(own_home, audit_url=url, audit_spool=str(tmp_path / "spool"))
        leads = lead_ids(plain, 3)
        assert not refused(plain, leads)
        assert not refused(spooled, leads)
        server.process.stop()
        began = time.monotonic()
        assert refused(plain, leads)
        assert time.monotonic() - began < 5
        assert not refused(spooled, leads)
        once = RequestKey(key="k", asked="a")
        first, second = spooled.answerer.answer(
            [PolicyQuestion(lead_id=leads[0], request=once), PolicyQuestion(lead_id=leads[1])]
        )
        assert isinstance(first, Unavailable), "whether the key was answered, nobody can say"
        assert isinstance(second, ScoreAnswer)
        assert spooled.trail.get(second.decision_id).answer == second
        server.process.start()
        assert not refused(plain, leads)
        asked = until_taken(spooled, leads, tmp_path / "spool")
        found = plain.trail.verify()
        assert (found.broken, found.count) == (None, 3 + 3 + 3 + 1 + 3 + 3 * asked)
        with (
            plain.trail._engine.connect() as connection,
            connection.begin(),
        ):
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7310868)")
            began = time.monotonic()
            assert refused(plain, leads), "another holds the trail's lock"
            assert time.monotonic() - began < 10 * WAIT_MS / 1000
        assert not refused(plain, leads)


def test_a_server_that_hangs_is_not_waited_for(own_home: Settings) -> None:
    """It hangs without hanging up: its processes are stopped where they are."""
    with postgres_server() as server:
        scoring = open_live(own_home, audit_url=server.fresh())
        leads = lead_ids(scoring, 3)
        assert not refused(scoring, leads)
        with hanging(server):
            for _ in range(2):
                began = time.monotonic()
                assert refused(scoring, leads)
                assert time.monotonic() - began < 5
        assert not refused(scoring, leads)
        found = scoring.trail.verify()
        assert (found.broken, found.count) == (None, 6)


@contextmanager
def hanging(server: Postgres) -> Iterator[None]:
    """Stop a server and all of its processes where they are."""
    started = server.process.started
    assert started is not None
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
    every = [started.pid, *map(int, children)]
    for one in every:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in every:
            os.kill(one, signal.SIGCONT)
