"""Sums of accounts to the last bit: no order of people, no run of the program changes one."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from config.settings import Settings
from domain.state import PEOPLE
from jobs.signals.ingest_files import ingest_files
from signals.replay.account_history import AccountPeople
from signals.replay.newest_people import NewestPeople
from signals.replay.sinks import LastOfMoment
from signals.store import state_kernels
from tests.domain.test_state import LAYOUT, LIVES, Event, folded, streams
from tests.doubles import RowsSink


@limits(max_examples=60, deadline=None)
@given(st.lists(streams, max_size=7), st.randoms(use_true_random=False))
def test_no_order_of_people_changes_a_bit(people: list[list[Event]], order: Random) -> None:
    states = np.array([folded(one) for one in people]).reshape(len(people), LAYOUT.width)
    places = list(range(len(people)))
    order.shuffle(places)
    there = state_kernels.merged(states, LIVES, LAYOUT.families)
    back = state_kernels.merged(states[places], LIVES, LAYOUT.families)
    assert there.tobytes() == back.tobytes()


REPLAY = """
import hashlib, sys
from pathlib import Path
from random import Random
from signals.replay.replay import Replay
from signals.replay.log_reader import read_parts
from signals.replay.snapshot_schedule import SnapshotSchedule
from tests.doubles import RowsSink
from config.settings import Settings
from wiring.signals import open_signals

plane = open_signals(Settings(home=Path(sys.argv[1]), clock="watermark"))
for looks in (SnapshotSchedule(10 * 86_400_000_000), None):
    told = hashlib.sha256()
    leads, accounts = RowsSink(), RowsSink()
    parts = read_parts(plane.engine, plane.writer.matcher, (), None, 400)
    Replay(plane.writer, leads, accounts, looks).run(parts)
    for entity, known_us, state, texts in sorted(leads.rows + accounts.rows, key=lambda r: r[:2]):
        told.update(f"{entity} {known_us} {texts}".encode() + state.tobytes())
    print(len(accounts.rows), told.hexdigest())
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from simulation.scenarios import scenario
    from simulation.simulator import simulate
    from simulation.writer import write

    folder = tmp_path_factory.mktemp("order")
    written = write(simulate(120, 5, scenario("identity"), days=120), folder / "s.jsonl")
    ingest_files(
        Settings(home=folder / "home", clock="watermark"), [str(written.signals)], None, print
    )
    return folder / "home"


@pytest.mark.slow
def test_each_process_writes_the_same_history(home: Path) -> None:
    """Sets of texts come in another order in each; here with 10 leads or so in an account."""

    def told(seed: int) -> str:
        run = subprocess.run(
            [sys.executable, "-c", REPLAY, str(home)],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        )
        return run.stdout

    first = told(1)
    assert all(int(line.split()[0]) > 200 for line in first.splitlines())
    assert {told(seed) for seed in (2, 3)} == {first}


@limits(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2), st.integers(0, 30)), max_size=300))
def test_the_people_seen_last_are_those_of_a_sort(moves: list[tuple[int, int, int]]) -> None:
    """Leads have events in accounts 0 and 1, or leave theirs; what is kept stays bounded."""
    names = [f"l{i * 7 % 41:02}" for i in range(2_000)]
    people, last = AccountPeople(names), dict[int, float]()
    for name in ("a", "b"):
        people.open(name)
    newest = NewestPeople(people)
    for one, account, step in moves:
        lead = one + 1_950
        if account == 2:
            people.leave(0, [lead])
            people.leave(1, [lead])
            last.pop(lead, None)
            continue
        fresh = not people.is_of(lead, account)
        if fresh:
            people.leave(1 - account, [lead])
            people.join(account, lead)
        last[lead] = float(max(step, 0 if fresh else last[lead])) + 0.25
        (newest.join if fresh else newest.see)(account, lead, last[lead])
        held = people.members[account]
        slow = sorted(held, key=lambda lead: (-np.floor(last[lead]), names[lead]))
        assert newest.of(account) == slow[:PEOPLE]
        assert len(newest.heaps[account]) <= 2 * len(held) + 4 * PEOPLE + 1


class CountedNames(list[str]):
    """Names that count how often one is looked at: once for each entry that is made or judged."""

    looks = 0

    def __getitem__(self, at: Any) -> Any:
        self.looks += 1
        return super().__getitem__(at)


@pytest.mark.parametrize("size", [100, 1_000, 4_000])
def test_an_event_looks_at_few_people_however_many_an_account_has(size: int) -> None:
    names, rounds = CountedNames(f"l{i:05}" for i in range(size)), 5
    people = AccountPeople(names)
    account = people.open("a")
    newest = NewestPeople(people)
    for at in range(rounds * size):
        lead = at % size
        note = newest.see if people.is_of(lead, account) else newest.join
        people.join(account, lead)
        note(account, lead, float(at))
        assert newest.of(account)[0] == lead
    assert names.looks <= 4 * rounds * size


class CountedRows(RowsSink):
    """A sink that counts how often it is given rows."""

    calls = 0

    def add(self, *given: Any, **named: Any) -> None:
        self.calls += 1
        super().add(*given, **named)


@pytest.mark.parametrize("in_a_moment", [1, 30_000])
def test_history_is_passed_on_many_rows_at_once(in_a_moment: int) -> None:
    """Nothing is passed on row by row, and no row is held twice."""
    sink, rows = CountedRows(), 30_000
    last = LastOfMoment(sink)
    for at in range(rows):
        last.add([f"e{at % 20_000}"], [at // in_a_moment], np.full((1, 2), float(at)))
    last.close()
    assert len(sink.rows) == (rows if in_a_moment == 1 else 20_000)
    assert [row[2][0] for row in sink.rows] == sorted(row[2][0] for row in sink.rows)
    assert sink.calls <= rows // 5_000 + 1
