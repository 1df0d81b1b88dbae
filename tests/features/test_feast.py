"""Our online stores keep what Feast promises of every online store, and its commands work.

What is asked of each store follows Feast's own suites for online stores: what is written is read,
in the order that was asked for, by several views at once; who is missing is said to be missing;
the newest write stands; a view that is taken away takes its rows along.
"""

import asyncio
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from feast.infra.online_stores.online_store import OnlineStore
from feast.infra.online_stores.redis import RedisOnlineStore
from feast.infra.online_stores.sqlite import SqliteOnlineStore
from feast.types import Array, Bool, Float32, Int64, UnixTimestamp

from config.settings import Settings, quiet_libraries
from domain.identifiers import AccountId, LeadId
from domain.ports import LeadRef
from domain.state import layout_of
from domain.state_codec import unpack
from feature_repo.catalogue import category_names, number_names
from feature_repo.feast_imports import (
    Bytes,
    Entity,
    FeatureService,
    FeatureStore,
    FeatureView,
    Field,
    FileSource,
    Float64,
    RepoConfig,
    String,
    ValueType,
)
from feature_repo.features import numbers
from feature_repo.redis_online_store import OneTripRedisOnlineStore
from feature_repo.sqlite_online_store import BulkSqliteOnlineStore
from feature_repo.standard import standard_service
from feature_repo.store import FeastStore, HistoryFile, document
from feature_repo.views import LEADS
from jobs.signals.feast_command import run_feast
from tests.commands import program
from tests.conftest import ROOT
from wiring.signals import write_definition

quiet_libraries()
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
D = standard_service()
T0 = 1_780_000_000_000_000
_database = count(1)


@pytest.fixture(params=["sqlite", "redis"])
def online(request: pytest.FixtureRequest) -> str:
    """ "" for SQLite, or an empty database of a Redis."""
    if request.param == "sqlite":
        return ""
    return f"{request.getfixturevalue('redis_url')}/{next(_database) % 16}"


def driver_views(folder: Path) -> list[Any]:
    """Two views of one entity, and one of two entities with an integer key."""
    driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.STRING)
    place = Entity(name="place", join_keys=["place_id"], value_type=ValueType.INT64)
    key, place_key = Field(name="driver_id", dtype=String), Field(name="place_id", dtype=Int64)
    source = partial(FileSource, timestamp_field="event_timestamp")
    rates = FeatureView(
        name="rates",
        entities=[driver],
        schema=[
            key,
            Field(name="rate", dtype=Float64),
            Field(name="trips", dtype=Int64),
            Field(name="active", dtype=Bool),
            Field(name="places", dtype=Array(String)),
            Field(name="since", dtype=UnixTimestamp),
        ],
        source=source(name="rates_source", path=str(folder / "rates.parquet")),
    )
    names = FeatureView(
        name="names",
        entities=[driver],
        schema=[key, Field(name="name", dtype=String), Field(name="token", dtype=Bytes)],
        source=source(name="names_source", path=str(folder / "names.parquet")),
    )
    visits = FeatureView(
        name="visits",
        entities=[driver, place],
        schema=[key, place_key, Field(name="visits", dtype=Float32)],
        source=source(name="visits_source", path=str(folder / "visits.parquet")),
    )
    service = FeatureService(name="all", features=[rates, names[["name"]]])
    return [driver, place, rates, names, visits, service]


RATES = pd.DataFrame(
    {
        "driver_id": ["a", "b", "ü"],
        "rate": [0.5, 1.5, np.pi],
        "trips": [1, 2, 2**40],
        "active": [True, False, True],
        "places": [["x", "y"], ["z"], ["x"]],
        "since": [NOW, NOW, NOW],
        "event_timestamp": [NOW, NOW, NOW],
    }
)
NAMES = pd.DataFrame(
    {
        "driver_id": ["a", "b", "ü"],
        "name": ["Ann", "Bob", "Übü"],
        "token": [b"\x00", b"1", b"2"],
        "event_timestamp": [NOW, NOW, NOW],
    }
)
VISITS = pd.DataFrame(
    {
        "driver_id": ["a", "a", "b"],
        "place_id": [1, 2, 1],
        "visits": [1.0, 2.0, 3.0],
        "event_timestamp": [NOW, NOW, NOW],
    }
)


@pytest.fixture
def store(online: str, tmp_path: Path) -> Iterator[FeatureStore]:
    """A Feast store of strange views over one of our online stores, applied."""
    for name, frame in (("rates", RATES), ("names", NAMES), ("visits", VISITS)):
        frame.to_parquet(tmp_path / f"{name}.parquet", coerce_timestamps="us")
    held = document(tmp_path, online, 5.0)
    (tmp_path / "feast").mkdir()
    held["registry"] = str(tmp_path / "registry.db")
    made = FeatureStore(config=RepoConfig(repo_path=tmp_path, **held))
    made.apply(driver_views(tmp_path))
    yield made
    made.teardown()


def write_all(store: FeatureStore) -> None:
    for name, frame in (("rates", RATES), ("names", NAMES), ("visits", VISITS)):
        store.write_to_online_store(name, frame)


def read(store: FeatureStore, features: Any, *drivers: str, **told: Any) -> dict[str, Any]:
    rows = [{"driver_id": driver} for driver in drivers]
    held: dict[str, Any] = store.get_online_features(features, rows, **told).to_dict()
    return held


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(BulkSqliteOnlineStore, SqliteOnlineStore), (OneTripRedisOnlineStore, RedisOnlineStore)],
)
def test_what_a_store_overrides_has_feasts_signature(ours: type, theirs: type) -> None:
    added = {"read_together", "write_together", "_mending", "_there", "_let_go"}
    for name, held in vars(ours).items():
        if inspect.isfunction(held) and name not in added:
            wanted = inspect.signature(getattr(theirs, name)).parameters
            assert list(inspect.signature(held).parameters) == list(wanted), name
    for name, asked in inspect.getmembers(OnlineStore, inspect.isfunction):
        given = inspect.signature(getattr(ours, name)).parameters
        assert list(given) == list(inspect.signature(asked).parameters), name


def test_what_is_written_is_read_in_the_order_asked_for(store: FeatureStore) -> None:
    write_all(store)
    features = ["rates:rate", "rates:trips", "rates:active", "rates:places", "names:token"]
    held = read(store, features, "ü", "b", "a", "ü")
    assert held["driver_id"] == ["ü", "b", "a", "ü"]
    assert held["rate"] == [np.pi, 1.5, 0.5, np.pi]
    assert held["trips"] == [2**40, 2, 1, 2**40]
    assert held["active"] == [True, False, True, True]
    assert held["places"] == [["x"], ["z"], ["x", "y"], ["x"]]
    assert held["token"] == [b"2", b"1", b"\x00", b"2"]


def test_who_is_missing_is_said_to_be(store: FeatureStore) -> None:
    write_all(store)
    features = ["rates:rate", "names:name"]
    response = store.get_online_features(features, [{"driver_id": d} for d in ("a", "nobody")])
    assert response.to_dict()["rate"] == [0.5, None]
    assert response.to_dict()["name"] == ["Ann", None]
    frame = response.to_df(include_event_timestamps=True)
    assert datetime.fromtimestamp(frame["rate__ts"].iloc[0], UTC) == NOW


def test_nobody_is_there_before_anything_was_written(store: FeatureStore) -> None:
    assert read(store, ["rates:rate"], "a")["rate"] == [None]


def test_several_entities_and_keys_of_other_types(store: FeatureStore) -> None:
    write_all(store)
    rows = [{"driver_id": d, "place_id": p} for d, p in (("b", 1), ("a", 2), ("b", 2))]
    held = store.get_online_features(["visits:visits", "names:name"], rows).to_dict()
    assert held["visits"] == [3.0, 2.0, None]
    assert held["name"] == ["Bob", "Ann", "Bob"]


def test_a_service_and_full_names(store: FeatureStore) -> None:
    write_all(store)
    held = read(store, store.get_feature_service("all"), "a", full_feature_names=True)
    assert (held["rates__rate"], held["names__name"]) == ([0.5], ["Ann"])
    assert "names__token" not in held


def test_a_newer_write_stands(store: FeatureStore) -> None:
    write_all(store)
    newer = RATES.assign(rate=9.0, event_timestamp=NOW + timedelta(seconds=1))
    store.write_to_online_store("rates", newer.head(1))
    assert read(store, ["rates:rate"], "a", "b")["rate"] == [9.0, 1.5]


def test_redis_keeps_what_is_newer(redis_url: str, tmp_path: Path) -> None:
    """As Feast's own Redis does; SQLite, Feast's own too, keeps what came last."""
    held = document(tmp_path, f"{redis_url}/15", 5.0)
    held["registry"] = str(tmp_path / "registry.db")
    store = FeatureStore(config=RepoConfig(repo_path=tmp_path, **held))
    RATES.to_parquet(tmp_path / "rates.parquet")
    driver, _, rates, *_ = driver_views(tmp_path)
    store.apply([driver, rates])
    store.write_to_online_store("rates", RATES)
    older = RATES.assign(rate=9.0, event_timestamp=NOW - timedelta(seconds=1))
    store.write_to_online_store("rates", older)
    assert read(store, ["rates:rate"], "a")["rate"] == [0.5]
    store.teardown()


def test_materialised_history_is_read(store: FeatureStore) -> None:
    store.materialize(NOW - timedelta(days=1), NOW + timedelta(days=1), ["rates", "names"])
    held = read(store, ["rates:rate", "names:name"], "a", "ü")
    assert (held["rate"], held["name"]) == ([0.5, np.pi], ["Ann", "Übü"])


def test_a_view_taken_away_takes_its_rows_along(store: FeatureStore, tmp_path: Path) -> None:
    write_all(store)
    views = driver_views(tmp_path)
    gone = [views[2], views[-1]]
    store.apply([one for one in views if one not in gone], objects_to_delete=gone, partial=False)
    store.apply(views)
    assert read(store, ["rates:rate", "names:name"], "a") == {
        "driver_id": ["a"],
        "rate": [None],
        "name": ["Ann"],
    }


def test_after_a_teardown_nothing_is_left(store: FeatureStore, tmp_path: Path) -> None:
    write_all(store)
    store.teardown()
    store.apply(driver_views(tmp_path))
    assert read(store, ["rates:rate"], "a")["rate"] == [None]


def test_many_entities_at_once(store: FeatureStore) -> None:
    many = 3_000
    drivers = [f"driver {i}" for i in range(many)]
    frame = pd.DataFrame({"driver_id": drivers, "name": drivers, "token": [b""] * many})
    store.write_to_online_store("names", frame.assign(event_timestamp=NOW))
    assert read(store, ["names:name"], *drivers[::-1])["name"] == drivers[::-1]


def test_redis_is_read_by_coroutines_too(redis_url: str, tmp_path: Path) -> None:
    home = FeastStore(tmp_path, D, f"{redis_url}/14")
    home.apply()
    written = write_leads(home)

    async def ask() -> dict[str, Any]:
        asked = [{"lead_id": "a"}, {"lead_id": "nobody"}]
        answered = await home.feast.get_online_features_async(["lead_state:state"], asked)
        await home.feast.provider.close()
        return dict(answered.to_dict())

    state = asyncio.run(ask())["state"]
    assert state[1] is None
    np.testing.assert_array_equal(unpack([state[0]], layout_of(D).width), written[:1])


def write_leads(home: FeastStore) -> np.ndarray[Any, np.dtype[np.float64]]:
    states = np.zeros((2, layout_of(D).width))
    states[:, : states.shape[1] // 2] = 3.0
    home.write_leads(["a", "b"], states, [[""] * (len(D.texts) + 1)] * 2, [T0, T0])
    home.write_accounts(["acct"], np.ones((1, layout_of(D).account_width)), [T0])
    return states


def test_the_homes_named_features_are_those_that_scoring_makes(online: str, tmp_path: Path) -> None:
    home = FeastStore(tmp_path, D, online)
    home.apply()
    write_leads(home)
    moment = T0 / 1e6 + 60.0
    rows = [
        {"lead_id": lead, "account_id": account, "as_of": moment}
        for lead, account in (("b", "acct"), ("nobody", "none"))
    ]
    service = home.feast.get_feature_service(D.label)
    named = home.feast.get_online_features(service, rows).to_df()
    held = home.read([LeadRef(LeadId("b"), AccountId("acct")), LeadRef(LeadId("n"), AccountId(""))])
    wanted = numbers(D, held.leads, held.accounts, np.array([moment, moment]))
    np.testing.assert_array_equal(named[list(number_names(D))].to_numpy(dtype=np.float64), wanted)
    assert {*category_names(D)} <= {*named.columns}


def test_a_state_whose_time_is_older_replaces_what_is_stored(online: str, tmp_path: Path) -> None:
    home = FeastStore(tmp_path, D, online)
    home.apply()
    write_leads(home)
    texts = [[""] * (len(D.texts) + 1)]
    home.write_leads(["a"], np.ones((1, layout_of(D).width)), texts, [T0 - 5_000_000])
    assert np.all(home.read([LeadRef(LeadId("a"), AccountId(""))]).leads == 1.0)


def test_history_of_a_home_is_materialised(online: str, tmp_path: Path) -> None:
    home = FeastStore(tmp_path, D, online)
    home.apply()
    file = HistoryFile(home.offline / LEADS)
    file.add(["m"], [T0], np.ones((1, layout_of(D).width)), [[""] * (len(D.texts) + 1)])
    file.close()
    at = datetime.fromtimestamp(T0 / 1e6, UTC)
    home.feast.materialize(at - timedelta(days=1), at + timedelta(days=1), ["lead_state"])
    assert np.all(home.read([LeadRef(LeadId("m"), AccountId(""))]).leads == 1.0)


def opened(home: Path, online: str) -> Settings:
    """A home with the standard features, opened once."""
    home.mkdir()
    write_definition(home / "definition.json", D)
    FeastStore(home, D, online).apply()
    return Settings(home=home, online=online)


@pytest.mark.slow
def test_feasts_commands_work_on_a_home(
    online: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Feast's program is run for each command; ours, which starts it, is this process."""
    settings = opened(tmp_path / "home", online)

    def feast(*words: str) -> str:
        assert run_feast(settings, words) == 0
        return capfd.readouterr().out

    if not online:
        feast("apply")
    planned = feast("plan")
    assert "No changes to registry" in planned
    assert online or "No changes to infrastructure" in planned
    assert not (settings.home / "feast" / "registry.db").exists()
    assert not list(settings.home.rglob("feature_store.yaml"))


@pytest.mark.slow
def test_the_command_line_hands_on_what_feast_is_told(tmp_path: Path) -> None:
    opened(tmp_path / "home", "")
    done = program(tmp_path / "home", "features", "feast", "feature-services", "list")
    assert (done.returncode, D.label in done.stdout) == (0, True), done.stderr


@pytest.mark.slow
def test_feast_itself_needs_only_the_homes_address(tmp_path: Path) -> None:
    write_definition(tmp_path / "definition.json", D)
    feast = [sys.executable, "-m", "feast.cli.cli", "-c", str(ROOT / "feature_repo")]
    done = subprocess.run(
        [*feast, "plan"],
        env={**os.environ, "LEADSCORE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert "No changes to registry" in done.stdout
    assert "Created sqlite table leadscore_lead_state" in done.stdout
