"""Killed at any moment, the workflow loses no timer, has no lead in two states, repeats no effect.

A process takes decisions and what people do, fires timers and delivers effects, in simulated time,
and is killed again and again; another goes on. A hundred kills always, a thousand by `make soak`.
"""

import random
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from jobs.workflow.replay import verify_engine
from storage.engine import open_engine
from tests.kills.workflow_worker import (
    LaterClock,
    deliver,
    file_of,
    now_us,
    store_of,
    work,
)
from tests.soak.commands import forks
from tests.workflow.charts import DAY, standard
from wiring.workflow import prepare_workflow
from workflow.outbox.effect_queue import EffectQueue
from workflow.outbox.retries import RetryLimits
from workflow.outbox.tables import EFFECTS
from workflow.store.journal import entries

LEADS = 200
AT_MOST_S = 0.06
"""A process is killed within this after it began to move leads."""


@pytest.mark.timeout(14_400)
@pytest.mark.parametrize(
    ("seed", "kills"), [(1, 100), pytest.param(2, 1_000, marks=pytest.mark.soak)]
)
def test_killed_it_loses_nothing_and_does_nothing_twice(
    tmp_path: Path, seed: int, kills: int
) -> None:
    rng = random.Random(seed)
    begin(tmp_path)
    met = Counter[str]()
    while met.total() < kills:
        before = progress(tmp_path)
        victim = forks.Process(target=work, args=(str(tmp_path), LEADS, 10**6))
        victim.start()
        wait_until_it_moves(tmp_path, before)
        time.sleep(rng.uniform(0, AT_MOST_S))
        victim.kill()
        victim.join()
        assert victim.exitcode == -signal.SIGKILL
        met["kills"] += 1
    finish(tmp_path)
    sound(tmp_path)


def begin(folder: Path) -> None:
    engine = open_engine(file_of(folder))
    prepare_workflow(engine)
    engine.dispose()
    with closing(sqlite3.connect(folder / "receiver.db")) as receiver:
        receiver.execute("PRAGMA journal_mode=WAL")
        receiver.execute("CREATE TABLE received (key TEXT PRIMARY KEY, times INTEGER)")


def progress(folder: Path) -> int:
    """How many entries the journal has."""
    with closing(sqlite3.connect(folder / "workflow.db", timeout=30)) as connection:
        (count,) = connection.execute("SELECT max(sequence) FROM workflow_journal").fetchone()
    return count or 0


def wait_until_it_moves(folder: Path, before: int) -> None:
    end = time.monotonic() + 60
    while progress(folder) == before:
        assert time.monotonic() < end, "the process moves nothing"
        time.sleep(0.01)


def finish(folder: Path) -> None:
    """Let what is due fire and what waits be delivered, undisturbed, until nothing is left."""
    store = store_of(folder)
    last = now_us(store.position("ticks")) + 3_000 * DAY
    for now in range(now_us(store.position("ticks")), last, 30 * DAY):
        while store.fire_due(now):
            pass
    queue = EffectQueue(store._engine, LaterClock(), RetryLimits(give_up_days=36_000), 0.2)
    end = time.monotonic() + 120
    while queue.connectors():
        assert time.monotonic() < end, "effects wait that nobody can claim"
        with closing(sqlite3.connect(folder / "receiver.db", timeout=30)) as receiver:
            if not deliver(queue, receiver):
                time.sleep(0.05)  # a lease of a killed process has to run out


def sound(folder: Path) -> None:
    store, engine = store_of(folder), open_engine(file_of(folder))
    verification = verify_engine(engine, standard())
    assert verification.faults == (), "no lead stands where its events do not lead"
    assert verification.leads > LEADS // 2
    # nobody acts any more: time has brought every lead to an end, so no timer was lost
    assert set(store.counts()) <= {"won", "lost"}
    assert store.next_due_us() is None
    assert store.loads() == {}
    asked = [key for entry in entries(engine) for key in entry.effects]
    assert len(asked) == len(set(asked)) > 100
    with engine.connect() as connection:
        rows = connection.execute(sa.select(EFFECTS.c.key, EFFECTS.c.state)).all()
    assert {row.key for row in rows} == set(asked)
    assert {row.state for row in rows} == {"delivered"}
    with closing(sqlite3.connect(folder / "receiver.db")) as receiver:
        received = dict(receiver.execute("SELECT key, times FROM received"))
    assert received.keys() == set(asked), "each key's effect once, however often it was sent"
    engine.dispose()
