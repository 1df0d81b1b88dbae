"""What the local cache keeps, and a rollback that needs nothing else."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from config.settings import Settings
from domain.clock import FixedClock
from domain.versions.manifest import Stage
from registry.cache import open_cached, prune, version_folder
from registry.registry_state import FORMER, NEWEST, kept
from registry.store import Registry
from tests.conftest import ROOT
from tests.waiting import until
from wiring.live_folders import cache_of
from wiring.registry import open_registry

Sealed = Callable[..., Path]
Open = Callable[..., Registry]
LATER = timedelta(hours=2)


def held(registry: Registry) -> set[str]:
    return {path.name for path in (registry.cache / "versions").iterdir()}


def test_the_cache_keeps_what_serves_what_comes_next_and_where_rollbacks_lead(
    registry_at: Open, sealed: Sealed, clock: FixedClock
) -> None:
    clock.moment = datetime.now(UTC)
    registry = registry_at()
    for _ in range(FORMER + 3):
        version = registry.register(sealed(), run_id=None, by="ann")
        registry.transition(version, Stage.CHAMPION, by="ann", reason="r")
    for _ in range(NEWEST + 2):
        version = registry.register(sealed(), run_id=None, by="ann")
    everything = held(registry)
    assert len(everything) == FORMER + NEWEST + 5, "what was just placed may be being read"
    registry.fetch("lead-1")
    os.utime(version_folder(registry.cache, "lead-2"), (1, 1))
    registry.transition(version, Stage.CHALLENGER, by="ann", reason="r")
    assert everything - held(registry) == {"lead-2"}
    clock.moment += LATER
    registry.transition("lead-10", Stage.CHALLENGER, by="ann", reason="r")
    standing = registry.standing()
    assert held(registry) == kept(standing) & everything
    assert len(held(registry)) <= FORMER + 2 + NEWEST
    assert {standing.champion, standing.challenger} <= held(registry)
    assert set(standing.reigns[-FORMER - 1 :]) <= held(registry)
    # what was pruned is fetched again, and stays for as long as somebody may read it
    clock.moment = datetime.now(UTC)
    folder, _ = registry.fetch("lead-2")
    assert folder.is_dir()
    registry.rollback(by="ann", reason="r")
    assert "lead-2" in held(registry)


def test_what_dead_processes_left_is_removed(tmp_path: Path) -> None:
    for name in ("versions/a", "versions/b", "parts/x"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_bytes(b"1")
    for name in ("versions/b", "parts/x"):
        os.utime(tmp_path / name, (1, 1))
    assert prune(tmp_path, {"c"}, 1_000.0) == ["b"]
    assert [path.name for path in tmp_path.rglob("file")] == ["file"]
    assert list((tmp_path / "parts").iterdir()) == []
    assert prune(tmp_path, {"a"}, time.time() + 1e6) == []


@pytest.mark.parametrize("how", ["gone", "garbage"])
def test_a_rollback_needs_no_mlflow_whose_aliases_follow_later(
    own_home: Settings, how: str
) -> None:
    registry = open_registry(own_home)
    registry.transition("lead-2", Stage.CHAMPION, by="ann", reason="r")
    assert champion_in_mlflow(own_home) == "2"
    database = own_home.home / "mlflow.db"
    away = database.rename(database.with_suffix(".away"))
    if how == "garbage":
        database.write_bytes(b"this is no database" * 1000)
    else:
        database.mkdir()
    asked = [sys.executable, "-m", "leadscore", "rollback", "--reason", "complaints", "--by", "ann"]
    environment = os.environ | {"LEADSCORE_HOME": str(own_home.home)}
    with subprocess.Popen(
        asked, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        until(
            lambda: open_cached(cache_of(own_home)).champion.label == "lead-1",
            what="serving was not told",
        )
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err.decode()
    assert b"lead-1 is champion again" in out
    assert b"MLflow" in err
    assert b"Traceback" not in err
    if how == "gone":
        database.rmdir()
    away.replace(database)
    open_registry(own_home).reconcile()
    assert champion_in_mlflow(own_home) == "1"


def champion_in_mlflow(settings: Settings) -> str:
    client = MlflowClient(settings.tracking_uri, settings.tracking_uri)
    return str(client.get_registered_model("lead").aliases["champion"])
