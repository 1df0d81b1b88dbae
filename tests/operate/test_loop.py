"""The loop as the process that it is: what is due is done once, whatever fails, hangs or dies."""

import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from domain.clock import SystemClock
from jobs.operate.run import Run
from jobs.operate.stores import open_runs
from registry.ledger import Ledger
from storage.engine import open_engine
from tests.operate.homes import QUICK, begun, jobs_of, once, running, schedule, small_home, status
from tests.waiting import until

DAILY = {**QUICK, "every_minutes": 1440}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def runs(settings: Settings) -> list[Run]:
    """All runs, the oldest first."""
    return open_runs(settings).runs(10_000)[::-1]


def job(found: Any, name: str) -> Any:
    return next(one for one in found["jobs"] if one["job"] == name)


@pytest.fixture
def locked() -> Any:
    """Somebody who keeps the ledger to himself: whoever wants it waits for half a minute."""
    held: list[sqlite3.Connection] = []

    def lock(settings: Settings) -> None:
        engine = open_engine(settings.ledger_db)
        Ledger(engine, SystemClock()).close()
        held.append(sqlite3.connect(settings.home / "ledger.db", isolation_level=None))
        held[-1].execute("PRAGMA locking_mode=EXCLUSIVE")
        held[-1].execute("BEGIN EXCLUSIVE")
        held[-1].execute("DROP TABLE schema_ledger")  # who looks for it waits for the lock

    yield lock
    for one in held:
        one.close()


def test_once_does_what_is_due_and_then_nothing(tmp_path: Path) -> None:
    settings = small_home(tmp_path, retention=DAILY, backup=DAILY)
    before = status(settings)
    assert before["lease"] is None
    assert [one["due"] for one in before["jobs"]] == [True, True]
    assert not (settings.home / "operate.db").exists(), "whoever only reads makes no database"
    first = once(settings)
    assert first.returncode == 0, first.stderr
    assert "backup: done" in first.stderr
    second = once(settings)
    assert (second.returncode, second.stdout) == (0, "nothing is due\n")
    found = status(settings)
    assert job(found, "backup")["last"]["outcome"] == "done"
    assert job(found, "retention")["last"]["outcome"] == "idle"
    assert job(found, "backup")["next"].endswith("T00:00:00Z")
    assert found["lease"]["current"] is False
    forced = once(settings, "--now")
    assert forced.returncode == 0
    assert [run.job for run in runs(settings)].count("backup") == 2


def test_a_home_that_is_empty_and_a_file_that_is_wrong_are_told(tmp_path: Path) -> None:
    empty = once(Settings(home=tmp_path / "none"))
    assert (empty.returncode, "home-exists" in empty.stderr) == (3, True)
    settings = small_home(tmp_path, backups=DAILY)
    wrong = once(settings)
    assert (wrong.returncode, "operate-rules" in wrong.stderr) == (2, True)
    assert wrong.stderr.count("\n") == 1


def test_a_job_that_fails_is_told_and_tried_again_and_blocks_no_other(tmp_path: Path) -> None:
    tried = {**DAILY, "retries": 1}
    settings = small_home(tmp_path, backup=tried, retention=DAILY, backup_={"folder": "taken"})
    (settings.home / "taken").write_text("a file")
    found = once(settings)
    assert found.returncode == 1
    assert "backup failed" in found.stderr
    assert "[file-access]" in found.stderr, "what is wrong, by its rule"
    told = [(run.job, run.attempt, run.outcome) for run in runs(settings)]
    assert sorted(told) == [
        ("backup", 1, "failed"),
        ("backup", 2, "failed"),
        ("retention", 1, "idle"),
    ]
    assert once(settings).stdout == "nothing is due\n", "given up, until it is due again"
    schedule(settings, backup={**DAILY, "backoff_minutes": 60}, backup_={"folder": "taken"})
    assert once(settings, "--now").returncode == 1
    assert job(status(settings), "backup")["again_after"], "later, and not at once"


def test_a_job_that_hangs_is_ended_at_its_limit_and_blocks_no_other(
    tmp_path: Path, locked: Any
) -> None:
    hangs = {**DAILY, "limit_minutes": 0.1, "retries": 0}
    settings = small_home(tmp_path, rollouts=hangs, retention=DAILY)
    locked(settings)
    found = once(settings)
    assert found.returncode == 1
    assert "rollouts: timed_out: it took longer than 0.1 minutes" in found.stderr
    assert {run.job: run.outcome for run in runs(settings)} == {
        "rollouts": "timed_out",
        "retention": "idle",
    }
    assert jobs_of(settings) == []


def test_told_to_stop_it_says_what_is_undone_and_that_is_done_again(
    tmp_path: Path, locked: Any
) -> None:
    settings = small_home(tmp_path, rollouts=DAILY)
    schedule(settings, rollouts=DAILY, stop_seconds_=1)
    locked(settings)
    with running(settings) as loop:
        until(lambda: jobs_of(settings), what="no job was begun")
        loop.send_signal(signal.SIGTERM)
        _, err = loop.communicate(timeout=60)
    assert loop.returncode == 0
    assert "rollouts: interrupted: the loop was told to stop; it is done again" in err
    assert jobs_of(settings) == []
    found = status(settings)
    assert found["lease"]["current"] is False, "the next one need not wait"
    assert job(found, "rollouts")["due"] is True


def test_a_job_does_not_outlive_its_loop_and_is_done_again(tmp_path: Path, locked: Any) -> None:
    settings = small_home(tmp_path, rollouts=DAILY, retention=DAILY)
    locked(settings)
    with running(settings) as loop:
        until(lambda: jobs_of(settings) and len(runs(settings)) == 2, what="no job was begun")
        loop.send_signal(signal.SIGKILL)
    until(lambda: not jobs_of(settings), what="a job outlives its loop")
    assert runs(settings)[-1].outcome in ("running", "idle")
    schedule(settings, rollouts={**DAILY, "limit_minutes": 0.1, "retries": 0}, retention=DAILY)
    found = once(settings)
    assert "rollouts: interrupted, attempt 1; it is done again" in found.stderr
    told = [(run.attempt, run.outcome) for run in runs(settings) if run.job == "rollouts"]
    assert told == [(1, "interrupted"), (2, "timed_out")]


def test_while_one_operates_another_waits_and_takes_over(tmp_path: Path) -> None:
    """Two at once on one home: each due moment is done by one; the second goes on for the first."""
    often = {**QUICK, "every_minutes": 0.02}
    # on a busy machine a process may well stand still for a second
    settings = small_home(tmp_path, retention=often, lease_seconds_=5)
    with running(settings) as first:
        until(lambda: runs_of(settings, first) >= 2, what="the first does nothing")
        with running(settings) as second:
            seen = len(runs(settings))
            until(lambda: len(runs(settings)) > seen + 2)
            refused = once(settings)
            assert (refused.returncode, "operate-lease" in refused.stderr) == (3, True)
            assert {run.fence for run in runs(settings)} == {1}
            first.send_signal(signal.SIGKILL)
            until(lambda: runs_of(settings, second) >= 2, what="nobody takes over")
            second.send_signal(signal.SIGTERM)
            second.communicate(timeout=60)
            assert second.returncode == 0
    found = runs(settings)
    settled = [run.due_us for run in found if run.outcome == "idle"]
    assert len(settled) == len(set(settled)), "a moment was done twice"
    assert {run.fence for run in found} == {1, 2}
    assert {run.outcome for run in found} <= {"idle", "interrupted"}


def runs_of(settings: Settings, loop: Any) -> int:
    """How many runs of a process have ended."""
    if not (settings.home / "operate.db").exists():
        return 0
    ended = [run for run in runs(settings) if run.ended_us]
    return len([run for run in ended if run.holder.endswith(f":{loop.pid}")])


def test_of_two_at_once_each_thing_is_done_once(tmp_path: Path) -> None:
    settings = small_home(tmp_path, retention=DAILY, backup=DAILY, lease_seconds_=5)
    both = [begun(settings, "once") for _ in range(2)]
    ended = [process.communicate(timeout=300) for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 3]), ended
    assert sorted((run.job, run.outcome) for run in runs(settings)) == [
        ("backup", "done"),
        ("retention", "idle"),
    ]


def test_metrics_say_what_became_of_runs(tmp_path: Path) -> None:
    from urllib.request import urlopen

    from tests.servers import answers, free_port

    settings, port = small_home(tmp_path, retention=DAILY), free_port()
    with running(settings, "--metrics-port", str(port)):
        until(lambda: answers(port))

        def told() -> str:
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                return str(answer.read().decode())

        until(lambda: 'leadscore_operate_runs_total{job="retention",outcome="idle"} 1.0' in told())
        assert "leadscore_operate_leading 1.0" in told()
        assert 'leadscore_operate_running{job="retention"} 0.0' in told()


def test_the_log_of_a_job_holds_no_more_than_where_it_failed(tmp_path: Path) -> None:
    settings = small_home(tmp_path, report=DAILY)
    found = once(settings)
    assert found.returncode == 0, "what is not there yet is waited for"
    assert [run.outcome for run in runs(settings)] == ["held"]
    assert [p.name for p in (settings.home / "logs").iterdir()] == ["operate-report.log"]
