"""The home is moved or removed under a service: nobody is answered, and it goes on by itself."""

import shutil
from pathlib import Path

import httpx
import pytest

from config.settings import Settings
from tests.resilience.conftest import lead_ids
from tests.resilience.services import Service, assert_told, service
from wiring.decisions import open_trail
from wiring.scoring import open_scoring

RULE = "home-present"


def everything(held: Service) -> list[httpx.Response]:
    """An answer of each route that needs the home."""
    otherwise = {"lead_id": held.leads[0], "changes": {"employees": 9}}
    read = [held.client.get(path) for path in ("/leads", "/decisions/none", "/readyz")]
    return [held.score(), held.batch(), held.events(), held.post("/what_if", otherwise), *read]


def test_a_home_that_is_moved_away_is_missed_and_found_again(own_home: Settings) -> None:
    leads = lead_ids(open_scoring(own_home), 5)
    away = own_home.home.with_name("away")
    with service(own_home, leads) as held:
        held.assert_well()
        own_home.home.rename(away)
        for told in everything(held):
            assert_told(told, RULE)
        assert held.client.get("/livez").status_code == 200
        assert not own_home.home.exists(), "nothing is made in its place"
        away.rename(own_home.home)
        held.until(held.recovered)
        held.assert_well()
    assert open_trail(own_home).verify().broken is None


def test_a_home_that_is_removed_and_put_back_from_a_copy_is_opened_anew(
    own_home: Settings, tmp_path: Path
) -> None:
    leads = lead_ids(open_scoring(own_home), 5)
    with service(own_home, leads) as held:
        held.assert_well()
        copy = shutil.copytree(own_home.home, tmp_path / "copy")
        counted = len(list(open_trail(own_home).records()))
        shutil.rmtree(own_home.home)
        for told in everything(held):
            assert_told(told, RULE)
        copy.rename(own_home.home)
        held.until(held.recovered)
        held.assert_well()
    trail = open_trail(own_home)
    assert trail.verify().broken is None
    assert len(list(trail.records())) > counted, "recorded in the home that is there"


@pytest.mark.parametrize("name", ["signals.db", "audit.db"])
def test_a_database_that_is_removed_alone_is_missed(own_home: Settings, name: str) -> None:
    """SQLite would go on writing to a file that has no name any more."""
    leads = lead_ids(open_scoring(own_home), 5)
    with service(own_home, leads) as held:
        held.assert_well()
        file = own_home.home / name
        file.rename(file.with_name("away"))
        for told in everything(held):
            assert_told(told, RULE)
        file.with_name("away").rename(file)
        held.until(held.recovered)
