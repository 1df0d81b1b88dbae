"""An account's people, the last seen of them: the same by stream, by replay and by rebuild."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, inspect

from domain.identifiers import AccountId
from domain.signals import Signal
from domain.state import LAST, PEOPLE, Matrix, Vector, layout_of
from feature_repo.catalogue import number_names
from feature_repo.features import numbers
from signals.ingest.rebuild import rebuild
from signals.replay.replay import Replay
from signals.store.feature_states import LeadRow, StateStore
from signals.store.tables import create_tables, writing
from tests.doubles import RowsSink
from tests.features.events import BEGIN
from tests.signals.planes import DEFINITION, Plane, assert_close, open_plane

LAYOUT = layout_of(DEFINITION)
MANY = PEOPLE + 8


def view(person: int, minute: float, name: str, *, late_h: int = 0) -> Signal:
    happened = BEGIN + timedelta(minutes=minute)
    return Signal(
        id=name,
        source="t",
        type="web.page_viewed",
        time=happened,
        recordedtime=happened + timedelta(hours=late_h),
        identifiers={"email": f"p{person}@acme.com"},
        data={"page": "docs"},
    )


def crowd(seed: int) -> list[Signal]:
    """More people than an account keeps, most of them last seen within one second."""
    random = np.random.default_rng(seed)
    signals = []
    for person in range(MANY):
        for k in range(int(random.integers(1, 5))):
            minute = float(random.integers(0, 60 * 24 * 20))
            late = int(random.integers(0, 2)) * 30
            signals.append(view(person, minute, f"{person}-{k}", late_h=late))
        last = 60 * 24 * 20 + random.random() / 60
        signals.append(view(person, last, f"{person}-last"))
    return signals


def replayed(plane: Plane) -> dict[str, Vector]:
    """The newest vector of each account in the replay."""
    accounts = RowsSink()
    Replay(plane.signals, RowsSink(), accounts).run(plane.parts())
    return {row[0]: row[2] for row in accounts.rows}


def named(vector: Vector, now: float) -> dict[str, float]:
    held = numbers(DEFINITION, np.zeros((1, LAYOUT.width)), vector[None, :], np.array([now]))[0]
    return dict(zip(number_names(DEFINITION), held.tolist(), strict=True))


def slow_best(signals: Sequence[Signal], now: float) -> float:
    """The largest decayed count of one person's events, half-life 7 days."""
    people: dict[str, float] = {}
    for s in signals:
        who, age = str(s.identifiers["email"]), now - s.time_us() / 1e6
        people[who] = people.get(who, 0.0) + 0.5 ** (age / (7 * 86_400))
    return max(people.values())


@pytest.mark.parametrize("seed", range(4))
def test_of_many_people_the_same_are_kept_on_every_path(tmp_path: Path, seed: int) -> None:
    signals = crowd(seed)
    random = np.random.default_rng(seed)
    one, other = open_plane(tmp_path, "a.db"), open_plane(tmp_path, "b.db")
    one.accept(signals, 7)
    other.accept([signals[i] for i in random.permutation(len(signals))], 1000)
    streamed = one.online_accounts()
    assert_close(streamed, other.online_accounts())
    assert_close(streamed, replayed(one))
    rebuild(other.signals, lambda _: None)
    other.ingest.push()
    assert_close(streamed, other.online_accounts())
    (vector,) = streamed.values()
    assert vector[LAYOUT.width] == MANY
    assert np.count_nonzero(vector[LAYOUT.width + 1 :]) == 2 * PEOPLE


def test_the_best_is_the_most_active_person_when_it_is_asked(tmp_path: Path) -> None:
    """Not the most active when last seen: who was busy long ago falls behind."""
    plane = open_plane(tmp_path)
    busy = [view(1, k, f"a{k}") for k in range(12)]
    steady = [view(2, 60 * 24 * 9 * k, f"b{k}") for k in range(4)]
    plane.accept([*busy, *steady])
    (account,) = plane.online_accounts()
    vector = plane.online_accounts()[AccountId(account)]
    for day in (27.5, 40.0, 300.0):
        now = BEGIN.timestamp() + day * 86_400
        best = named(vector, now)["account_best_rate"]
        assert best == pytest.approx(slow_best([*busy, *steady], now), rel=1e-9)
    assert named(vector, BEGIN.timestamp() + 28 * 86_400)["account_best_rate"] < 2


class CountedSteps:
    """Counts the steps of SQLite's virtual machine, a hundred at a time."""

    def __init__(self, connection: Connection) -> None:
        self.steps = 0
        connection.connection.set_progress_handler(self._count, 100)

    def _count(self) -> int:
        self.steps += 100
        return 0


def pushed(folder: Path, people: int, accounts: int) -> tuple[int, Matrix]:
    """What reading the accounts of so many leads takes, and their vectors."""
    store, engine = StateStore(DEFINITION), open_plane(folder).engine
    state = np.zeros(LAYOUT.width)
    keys = [f"a{n}" for n in range(accounts)]
    with engine.connect() as connection:
        writing(connection)
        store.save_accounts(connection, dict.fromkeys(keys, state))
        rows = []
        for n in range(people):
            held = state.copy()
            held[LAST] = 1_000_000 + (n * 7) % people
            rows.append(LeadRow(f"l{n:06}", keys[n % accounts], n + 1, held, store.texts))
        store.save(connection, rows)
        counted = CountedSteps(connection)
        vectors = store.account_vectors(connection, keys)
        known_us = store.account_known_us(connection, keys)
        connection.commit()
    assert known_us == [max(range(n + 1, people + 1, accounts)) for n in range(accounts)]
    return counted.steps, vectors


def test_a_push_reads_the_newest_of_an_account_alone(tmp_path: Path) -> None:
    """What grows with an account's people is the walk through an index that counts them."""
    for name in ("few", "many"):
        (tmp_path / name).mkdir()
    few, many = 1_000, 5_000
    some, _ = pushed(tmp_path / "few", few, 1)
    steps, (vector,) = pushed(tmp_path / "many", many, 1)
    assert steps - some < 10 * (many - few)
    assert vector[LAYOUT.width] == many
    newest = [1_000_000 + many - 1 - place for place in range(PEOPLE)]
    assert vector[LAYOUT.width + 1 : LAYOUT.width + 1 + PEOPLE].tolist() == newest


def test_accounts_of_few_and_of_many_are_read_together(tmp_path: Path) -> None:
    _, vectors = pushed(tmp_path, 900, 3)
    (tmp_path / "few").mkdir()
    _, small = pushed(tmp_path / "few", 60, 3)
    assert vectors[:, LAYOUT.width].tolist() == [300, 300, 300]
    assert small[:, LAYOUT.width].tolist() == [20, 20, 20]
    assert (np.diff(vectors[:, LAYOUT.width + 1 : LAYOUT.width + 1 + PEOPLE]) < 0).all()
    assert (np.diff(small[:, LAYOUT.width + 1 : LAYOUT.width + 1 + PEOPLE]) < 0).all()


def test_a_former_home_gets_the_index_that_it_lacks(tmp_path: Path) -> None:
    engine = open_plane(tmp_path).engine
    with engine.connect() as connection:
        connection.exec_driver_sql("DROP INDEX leads_account_known")
        connection.exec_driver_sql("DROP TABLE schema_signals")  # there were no revisions then
        connection.commit()
    create_tables(engine)
    held = {one["name"] for one in inspect(engine).get_indexes("leads")}
    assert held == {"leads_account", "leads_account_known"}
