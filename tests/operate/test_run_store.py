"""Runs and whose turn it is, in SQLite and PostgreSQL: what a former holder says counts no more."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.clock import FixedClock
from jobs.operate.run import Run
from jobs.operate.run_store import Lease, RunStore
from jobs.operate.schedule import Due
from storage.engine import open_engine


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 29, tzinfo=UTC))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> Iterator[RunStore]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'operate.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    engine = open_engine(url)
    yield RunStore(engine, clock)
    engine.dispose()


def taken(store: RunStore, holder: str = "a:1", seconds: float = 30) -> Lease:
    lease = store.take(holder, seconds)
    assert lease is not None
    return lease


def begun(store: RunStore, lease: Lease, due: Due | None = None) -> Run:
    run = store.begin(lease, "backup", due or Due(due_us=7), 9)
    assert run is not None
    return run


def test_a_turn_is_one_holders_until_it_runs_out(store: RunStore, clock: FixedClock) -> None:
    first = taken(store)
    assert store.take("b:2", 30) is None
    clock.moment += timedelta(seconds=29)
    renewed = store.renew(first, 30)
    assert renewed is not None
    assert store.take("b:2", 30) is None
    clock.moment += timedelta(seconds=31)
    second = taken(store, "b:2")
    assert second.fence == first.fence + 1
    assert store.renew(first, 30) is None
    store.leave(first)
    assert store.take("c:3", 30) is None, "a former holder takes nothing away"
    store.leave(second)
    assert taken(store, "c:3").fence == second.fence + 1


def test_of_many_who_take_it_at_once_one_has_it(store: RunStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: store.take(f"h:{n}", 30), range(24)))
    assert len([lease for lease in found if lease is not None]) == 1


def test_a_run_is_begun_once_and_ended_once(store: RunStore) -> None:
    lease = taken(store)
    run = begun(store, lease)
    assert store.begin(lease, "backup", Due(due_us=7), 9) is None
    assert store.end(run, "done", ["a", "b"])
    assert not store.end(run, "failed", ["c"])
    kept = store.newest()["backup"]
    assert (kept.outcome, kept.notes, kept.due_us, kept.moment_us) == ("done", ("a", "b"), 7, 9)
    assert store.totals() == {("backup", "done"): 1}


def test_whoever_lost_the_turn_neither_begins_nor_ends(store: RunStore, clock: FixedClock) -> None:
    first = taken(store)
    run = begun(store, first)
    clock.moment += timedelta(seconds=31)
    second = taken(store, "b:2")
    assert not store.end(run, "done", ["too late"])
    assert store.begin(first, "report", Due(due_us=7), 9) is None
    (broken,) = store.interrupt_former(second)
    assert broken.id == run.id
    kept = store.newest()["backup"]
    assert (kept.outcome, kept.notes) == ("interrupted", ("a:1 began it and never ended it",))
    again = begun(store, second, Due(due_us=7, attempt=2))
    assert store.first_begun_us(again) == run.started_us < again.started_us
    assert store.end(again, "done", [])
    assert store.interrupt_former(second) == []
    assert [r.outcome for r in store.runs(10)] == ["done", "interrupted"]


def test_what_is_forgotten_still_counts_and_the_newest_stays(
    store: RunStore, clock: FixedClock
) -> None:
    lease = taken(store, seconds=3600)
    for due in range(3):
        assert store.end(begun(store, lease, Due(due_us=due)), "done", [])
        clock.moment += timedelta(minutes=1)
    assert store.forget(store.now_us) == 2
    assert [run.due_us for run in store.runs(10)] == [2]
    assert store.totals() == {("backup", "done"): 3}
