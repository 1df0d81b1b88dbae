"""Homes to be killed in, and what must be so of them after every kill."""

import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from mlflow.tracking import MlflowClient

from config.settings import Settings
from jobs.decisions.verify_home import verify_home
from registry.cache import read_cached_stages
from tests.registry.cached import cached
from wiring.live_folders import cache_of
from wiring.registry import open_registry
from wiring.signals import open_signals


def copied(settings: Settings, folder: Path) -> Settings:
    """A copy of a home in a folder of its own."""
    shutil.copytree(settings.home, folder / "home")
    return msgspec.structs.replace(settings, home=folder / "home")


def assert_sound(settings: Settings, *, whole: bool = True) -> None:
    """Every chain verifies, and what serves is what the ledger says, as any command leaves it.

    Of what is not `whole` the ledger alone is read.
    """
    registry = open_registry(settings)  # which completes what a dead process left
    assert registry.verify() is None
    if whole:
        assert [f"{one.store}: {one.fault}" for one in verify_home(settings).faults] == []
    standing, stages = registry.standing(), read_cached_stages(cache_of(settings))
    told = [None if one is None else one.label for one in (stages.champion, stages.challenger)]
    assert told == [standing.champion, standing.challenger]
    assert stages.rollout == standing.rollout
    for version in registry.versions():
        cached(registry, version.label)


def client(settings: Settings) -> MlflowClient:
    return MlflowClient(settings.tracking_uri, settings.tracking_uri)


def runs(settings: Settings) -> list[Any]:
    """MLflow's runs, those of a search's trials too."""
    asked = client(settings)
    return list(asked.search_runs([one.experiment_id for one in asked.search_experiments()]))


def assert_mirrored(settings: Settings) -> None:
    """MLflow's aliases and tags say what the ledger says; what was never listed is incomplete.

    Of registrations that were killed no run goes on.
    """
    assert {run.info.status for run in runs(settings)} <= {"FINISHED", "KILLED"}
    versions = {v.version: v for v in open_registry(settings).versions()}
    found = client(settings).search_model_versions("name='lead'")
    for one in found:
        known = versions.get(int(one.version))
        assert one.tags["stage"] == ("incomplete" if known is None else known.stage)
    aliases = client(settings).get_registered_model("lead").aliases
    serving = {
        v.stage: v.version for v in versions.values() if v.stage in ("champion", "challenger")
    }
    assert {name: int(number) for name, number in aliases.items()} == serving


def leads(settings: Settings) -> list[str]:
    """Some leads that a home knows."""
    return [str(ref.lead_id) for ref in islice(open_signals(settings).directory.all(), 200)]
