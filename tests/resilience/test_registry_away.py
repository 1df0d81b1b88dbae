"""The registry, its ledger and the cache folder go: what is loaded goes on answering."""

import logging
import shutil
import threading

import msgspec
import pytest

from config.home_definition import definition_of
from config.settings import Settings
from domain.errors import Unavailable
from registry.cache import STAGES_FILE
from scoring.live_models import LiveVersions
from tests.resilience.conftest import lead_ids
from wiring.live_folders import cache_of
from wiring.scoring import open_scoring


@pytest.fixture(autouse=True)
def every_request_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether something has changed, at each request: not once a second."""
    monkeypatch.setattr("wiring.scoring.LOOK_EVERY_S", 0.0)


def looked() -> None:
    """Return once no look goes on in the background."""
    for thread in threading.enumerate():
        if thread.name == "follower":
            thread.join()


def lose_registry(settings: Settings) -> None:
    """Remove MLflow's database and files, and put what is no database in the ledger's place."""
    for name in ("mlflow.db", "ledger.db"):
        for path in settings.home.glob(f"{name}*"):
            path.unlink()
    (settings.home / "ledger.db").write_bytes(b"no database" * 1_000)
    shutil.rmtree(settings.home / "artifacts")


def test_scoring_needs_neither_mlflow_nor_ledger_running_or_to_begin(own_home: Settings) -> None:
    running = open_scoring(own_home, live=True)
    leads = lead_ids(running, 4)
    before = [a.score for a in running.answerer.score(leads)]
    lose_registry(own_home)
    assert [a.score for a in running.answerer.score(leads)] == before
    restarted = open_scoring(own_home, live=True)
    assert [a.score for a in restarted.answerer.score(leads)] == before


@pytest.mark.parametrize("how", ["emptied", "a file in its place", "stages unreadable"])
def test_a_cache_folder_that_goes_while_running_changes_nothing(
    own_home: Settings, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    scoring = open_scoring(own_home, live=True)
    leads = lead_ids(scoring, 4)
    before = [a.score for a in scoring.answerer.score(leads)]
    cache, at = cache_of(own_home), [100.0]
    versions = LiveVersions(
        cache, definition_of(own_home), 1.0, lambda: at[0], aside=lambda work: work()
    )
    held = versions.current()
    if how == "stages unreadable":
        (cache / STAGES_FILE).write_bytes(b"{")
    else:
        shutil.rmtree(cache)
        (cache.touch if how != "emptied" else cache.mkdir)()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            at[0] += 1.0
            assert versions.current() is held
    assert len([r for r in caplog.records if "stays as it is" in r.message]) == 1
    for _ in range(2):
        assert [a.score for a in scoring.answerer.score(leads)] == before
        looked()


def test_a_home_of_postgresql_starts_without_its_ledger(own_home: Settings) -> None:
    """The server of the ledger is away altogether; what stood last does, and nothing else."""
    with pytest.raises(Unavailable) as unproven:
        open_scoring(
            msgspec.structs.replace(own_home, ledger_url="postgresql://nobody@127.0.0.1:1/nothing"),
            live=True,
        ).versions.current()
    assert unproven.value.rule == "stages-proven"
    open_scoring(own_home, live=True).versions.current()
    settings = msgspec.structs.replace(
        own_home, ledger_url="postgresql://nobody@127.0.0.1:1/nothing"
    )
    scoring = open_scoring(settings, live=True)
    assert len(scoring.answerer.score(lead_ids(scoring, 2))) == 2
