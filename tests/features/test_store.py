"""The Feast store: what is written is read back, and history joins row for row."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from redis import Redis

from domain.clock import DAY, SECOND, from_us
from domain.errors import Unavailable
from domain.identifiers import AccountId, LeadId
from domain.ports import LeadRef
from domain.state import COUNT, FIRST, LAST, layout_of
from feature_repo.catalogue import category_names, number_names
from feature_repo.entities import OnlineRows
from feature_repo.feast_imports import EntityKey, ValueProto
from feature_repo.standard import standard_service
from feature_repo.store import FeastStore, HistoryFile
from feature_repo.views import ACCOUNTS, LEADS
from tests.conftest import ROOT

D = standard_service()
WIDTH = layout_of(D).width
ACCOUNT_WIDTH = layout_of(D).account_width
TEXTS = [f"text {i}" for i in range(len(D.texts))] + ["won"]
T0 = 1_780_000_000_000_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeastStore:
    """One store for all: each test has leads of its own."""
    home = tmp_path_factory.mktemp("home")
    made = FeastStore(home, D)
    made.apply()
    return made


def ref(lead: str, account: str = "") -> LeadRef:
    return LeadRef(LeadId(lead), AccountId(account))


def test_what_is_written_is_read_back_bit_for_bit(store: FeastStore) -> None:
    random = np.random.default_rng(1)
    states, account = random.normal(size=(3, WIDTH)), random.normal(size=(1, ACCOUNT_WIDTH))
    texts = [TEXTS, ["", *TEXTS[1:]], ["é \u2028 ☃", *TEXTS[1:]]]
    store.write_leads(["a", "b", "c"], states, texts, [T0, T0 + 1, T0 + SECOND + 123_457])
    store.write_accounts(["acct"], account, [T0])
    read = store.read([ref("c", "acct"), ref("a"), ref("b", "nowhere"), ref("c", "acct")])
    np.testing.assert_array_equal(read.leads, states[[2, 0, 1, 2]])
    np.testing.assert_array_equal(
        read.accounts, [*account, *np.zeros((2, ACCOUNT_WIDTH)), *account]
    )
    assert [list(t) for t in read.texts] == [texts[2], texts[0], texts[1], texts[2]]
    whole = T0 + SECOND  # of the moment, Feast's SQLite store keeps whole seconds
    assert list(read.known_us) == [whole, T0, T0, whole]


def write_some(store: FeastStore) -> None:
    states = np.random.default_rng(2).normal(size=(2, WIDTH))
    store.write_leads(["ä", "b" * 300], states, [TEXTS, TEXTS[::-1]], [T0, T0 + 1_500_000])
    store.write_leads(["ä"], states[1:], [TEXTS], [T0 + 7])
    store.write_leads(["before the epoch"], states[1:], [TEXTS], [-1])
    store.forget(["gone"])
    store.write_accounts(["acct"], np.ones((1, ACCOUNT_WIDTH)), [T0])


def feasts_way(feasts: type, store: FeastStore) -> Callable[[Any, OnlineRows], None]:
    """The way in of Feast's own store."""

    def write(config: Any, rows: OnlineRows) -> None:
        made = [
            (
                EntityKey(join_keys=[rows.join_key], entity_values=[ValueProto(string_val=entity)]),
                {name: ValueProto.FromString(values[i]) for name, values in rows.fields.items()},
                from_us(rows.known_us[i]),
                None,
            )
            for i, entity in enumerate(rows.entities)
        ]
        held = store.feast.provider.online_store
        feasts.online_write_batch(held, config, rows.view, made, progress=None)  # type: ignore[attr-defined]

    return write


def test_sqlite_holds_what_feast_itself_would_store(tmp_path: Path) -> None:
    from feast.infra.online_stores.sqlite import SqliteOnlineStore

    held = []
    for name in ("ours", "feasts"):
        made = FeastStore(tmp_path / name, D)
        made.apply()
        if name == "feasts":
            made.feast.provider.online_store.write_together = feasts_way(SqliteOnlineStore, made)
        write_some(made)
        with sqlite3.connect(tmp_path / name / "feast" / "online.db") as connection:
            tables = [t for (t,) in connection.execute("SELECT name FROM sqlite_master") if t]
            views = sorted(t for t in tables if t.startswith("leadscore_") and "_ek" not in t)
            held.append(
                [sorted(connection.execute(f'SELECT * FROM "{t}"'), key=str) for t in views]
            )
    assert held[0] == held[1]
    assert [len(rows) for rows in held[0]] == [1, 8]


def test_redis_holds_what_feast_itself_would_store(tmp_path: Path, redis_url: str) -> None:
    from feast.infra.online_stores.redis import RedisOnlineStore

    held: list[dict[Any, Any]] = []
    for name, number in (("ours", 5), ("feasts", 6)):
        client = Redis.from_url(f"{redis_url}/{number}")
        client.flushdb()
        made = FeastStore(tmp_path / name, D, f"{redis_url}/{number}")
        made.apply()
        if name == "feasts":
            made.feast.provider.online_store.write_together = feasts_way(RedisOnlineStore, made)
        write_some(made)
        found: dict[Any, Any] = {key: client.hgetall(key) for key in client.scan_iter()}
        held.append(found)
        client.close()
    assert held[0] == held[1]
    assert sorted(map(len, held[0].values())) == [2, 3, 3, 3, 3]


def test_a_refused_write_leaves_no_answer_for_the_next(tmp_path: Path, redis_url: str) -> None:
    client = Redis.from_url(f"{redis_url}/5")
    client.flushdb()
    made = FeastStore(tmp_path, D, f"{redis_url}/5")
    made.apply()
    write_some(made)
    (key,) = [key for key in client.scan_iter() if b"acct" in key]
    client.delete(key)
    client.set(key, "no hash")
    with pytest.raises(Unavailable, match="ResponseError"):
        made.write_accounts(["acct", "other"], np.ones((2, ACCOUNT_WIDTH)), [T0, T0])
    assert made.read([ref("b" * 300)]).leads.any()
    client.close()


@pytest.mark.slow
def test_feast_is_imported_without_its_checks_of_types() -> None:
    # with them, the import takes several times as long
    program = (
        "import pkgutil, sys, typeguard, feature_repo, importlib\n"
        "checked, typeguard.typechecked = [], lambda f=None, **_: checked.append(f) or f\n"
        "importlib.import_module(sys.argv[1]); print(len(checked))"
    )
    for module in ("entities", "store", "views"):
        told = [sys.executable, "-c", program, f"feature_repo.{module}"]
        done = subprocess.run(told, capture_output=True, text=True, check=True, cwd=ROOT)
        assert done.stdout.split()[-1] == "0", module


def test_processes_that_open_a_new_home_at_once_take_turns(tmp_path: Path) -> None:
    context = get_context("fork")  # Feast is loaded here already
    for round_ in range(3):
        home = tmp_path / str(round_)
        barrier = context.Barrier(4)
        processes = [context.Process(target=_open, args=(home, barrier)) for _ in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0] * 4
        made = FeastStore(home, D)
        made.apply()
        assert not made.read([ref("nobody")]).leads.any()


def _open(home: Path, together: Barrier) -> None:
    made = FeastStore(home, D)
    together.wait()
    made.apply()


def test_who_is_not_known_has_seen_nothing(store: FeastStore) -> None:
    read = store.read([ref("nobody", "nowhere"), ref("nobody either")])
    assert not read.leads.any()
    assert not read.accounts.any()
    assert [list(t) for t in read.texts] == [[""] * len(TEXTS)] * 2
    assert list(read.known_us) == [0, 0]
    assert read.leads.shape == (2, WIDTH)


def test_the_last_write_wins_and_the_forgotten_have_seen_nothing(store: FeastStore) -> None:
    store.write_leads(["x"], np.ones((1, WIDTH)), [TEXTS], [T0])
    store.write_leads(["x"], np.full((1, WIDTH), 2.0), [TEXTS], [T0])
    assert np.all(store.read([ref("x")]).leads == 2.0)
    store.forget(["x"])
    gone = store.read([ref("x")])
    assert not gone.leads.any()
    assert list(gone.texts[0]) == [""] * len(TEXTS)


def test_a_second_store_on_the_same_home_reads_it(store: FeastStore) -> None:
    store.write_leads(["y"], np.ones((1, WIDTH)), [TEXTS], [T0])
    other = FeastStore(store.offline.parent, D)
    other.apply()
    assert np.all(other.read([ref("y")]).leads == 1.0)


def test_states_of_another_width_are_none(store: FeastStore) -> None:
    """After a change of the definition the online store still holds states of the old one."""
    store.write_leads(["old"], np.ones((1, WIDTH + 3)), [["", ""]], [T0])
    read = store.read([ref("old")])
    assert not read.leads.any()
    assert list(read.texts[0]) == [""] * len(TEXTS)


def test_a_store_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    nowhere = FeastStore(tmp_path, D)
    with pytest.raises(Unavailable):
        nowhere.write_leads(["z"], np.ones((1, WIDTH)), [TEXTS], [T0])
    with pytest.raises(Unavailable):
        nowhere.read([ref("z")])


def test_history_joins_each_row_to_the_newest_state_up_to_its_moment(store: FeastStore) -> None:
    states = np.zeros((4, WIDTH))
    states[:, COUNT] = [1, 2, 3, 1]
    states[:, FIRST] = states[:, LAST] = T0 / 1e6
    leads = HistoryFile(store.offline / LEADS)
    leads.add(["a", "a", "a", "b"], [T0, T0 + 10, T0 + 20, T0 + 15], states, [TEXTS] * 4)
    leads.close()
    account = np.zeros((1, ACCOUNT_WIDTH))
    account[0, WIDTH] = 7
    accounts = HistoryFile(store.offline / ACCOUNTS)
    accounts.add(["acct"], [T0 + 5], account)
    accounts.close()
    asked = [
        ("b", "acct", T0 + 4 * 365 * DAY, 1, 7),  # years old, and still what is known
        ("a", "acct", T0 + 10, 2, 7),  # at the very moment
        ("a", "acct", T0 + 9, 1, 7),
        ("nobody", "acct", T0 + 30, 0, 7),
        ("a", "", T0 + 19, 2, 0),
        ("a", "acct", T0 - 1, 0, 0),  # before anything
        ("a", "acct", T0 + 10, 2, 7),  # asked twice
        ("b", "elsewhere", T0 + 14, 0, 0),
        ("a", "acct", T0 + 2, 1, 0),
        ("a", "acct", T0 + 20, 3, 7),
    ]
    names, groups, moments, events, people = zip(*asked, strict=True)
    frame = store.history(names, groups, moments)
    assert frame["lead_id"].tolist() == list(names)
    assert frame["events"].tolist() == list(events)
    assert frame["account_people"].tolist() == list(people)
    assert {*number_names(D), *category_names(D)} <= {*frame.columns}
    unknown = np.array(events) == 0
    assert frame["recency_d"].isna().tolist() == unknown.tolist()
    assert (frame["country"] == "").tolist() == unknown.tolist()
    wanted = [(m - T0) / DAY if e else np.nan for m, e in zip(moments, events, strict=True)]
    np.testing.assert_allclose(frame["tenure_d"], wanted, rtol=1e-9, atol=1e-9)


def test_history_is_put_in_place_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / LEADS
    file = HistoryFile(path)
    file.add(["a"], [T0], np.ones((1, WIDTH)), [TEXTS])
    assert not path.exists()
    file.close()
    assert path.exists()
    assert [p.name for p in tmp_path.iterdir()] == [LEADS]


def test_a_file_that_goes_is_read_no_more_and_one_that_comes_is_opened(tmp_path: Path) -> None:
    """Who holds it open would go on reading what was there, as if nothing came in since."""
    store, states = FeastStore(tmp_path, D), np.random.default_rng(5).normal(size=(2, WIDTH))
    store.apply()
    store.write_leads(["a"], states[:1], [TEXTS], [T0])
    file, away = tmp_path / "feast" / "online.db", tmp_path / "away"
    for one in file.parent.glob("online.db-*"):
        one.unlink()
    file.rename(away)
    for do in (
        lambda: store.read([ref("a")]),
        lambda: store.write_leads(["a"], states[:1], [TEXTS], [T0]),
    ):
        with pytest.raises(Unavailable, match="online store"):
            do()
    assert not file.exists(), "an empty one would be taken for the store"
    FeastStore(tmp_path, D).apply()
    assert store.read([ref("a")]).known_us == [0], "what a start made anew"
    store.write_leads(["a"], states[1:], [TEXTS], [T0])
    np.testing.assert_array_equal(store.read([ref("a")]).leads, states[1:])
