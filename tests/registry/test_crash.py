"""Processes that race, and processes that are killed between two steps."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import pytest
from mlflow.tracking import MlflowClient

from domain.errors import Missing, Refused
from domain.versions.manifest import Stage
from registry.cache import open_cached
from registry.ledger import Ledger, LedgerWriter
from registry.promotion import promote
from registry.store import Registry
from registry.unfinished import left

Sealed = Callable[..., Path]
Open = Callable[..., Registry]
Forked = Callable[..., list[int | None]]
KILLED = -signal.SIGKILL


class DiesBeforeCommit(Ledger):
    """A ledger whose process is killed when a change is written and not yet committed."""

    @contextmanager
    def exclusive(self) -> Iterator[LedgerWriter]:
        with super().exclusive() as writer:
            yield writer
            os.kill(os.getpid(), signal.SIGKILL)


class DiesAfterCommit(Ledger):
    """A ledger whose process is killed when a change is committed and nothing else is done."""

    @contextmanager
    def exclusive(self) -> Iterator[LedgerWriter]:
        with super().exclusive() as writer:
            yield writer
        os.kill(os.getpid(), signal.SIGKILL)


def stage_tags(tmp_path: Path) -> dict[int, str]:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    found = MlflowClient(uri, uri).search_model_versions("name='lead'")
    return {int(version.version): version.tags["stage"] for version in found}


def aliases(tmp_path: Path) -> dict[str, int]:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    return dict(MlflowClient(uri, uri).get_registered_model("lead").aliases)


def runs(tmp_path: Path) -> dict[str, str]:
    """The states of MLflow's runs, by name."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    asked = MlflowClient(uri, uri)
    found = asked.search_runs([one.experiment_id for one in asked.search_experiments()])
    return {str(run.info.run_name): str(run.info.status) for run in found}


def test_a_half_registered_version_is_never_there(
    registry_at: Open, sealed: Sealed, forked: Forked, tmp_path: Path
) -> None:
    folder = sealed()

    def register() -> None:
        registry_at(DiesBeforeCommit, fresh=True).register(folder, run_id=None, by="ann")

    assert forked(register) == [KILLED]
    assert stage_tags(tmp_path) == {1: "incomplete"}
    assert runs(tmp_path) == {"lead": "RUNNING"}
    registry = registry_at()
    assert registry.versions() == []
    with pytest.raises(Missing):
        registry.get("lead-1")
    with pytest.raises(Missing):
        registry.fetch("lead-1")
    assert registry.register(folder, run_id=None, by="ann").label == "lead-2"
    assert [v.label for v in registry.versions()] == ["lead-2"]
    assert stage_tags(tmp_path) == {1: "incomplete", 2: "candidate"}
    assert runs(tmp_path) == {"lead": "KILLED", "lead-2, 2026-01-01": "FINISHED"}


def test_a_registration_is_done_once_the_ledger_has_it(
    registry_at: Open, sealed: Sealed, forked: Forked, tmp_path: Path
) -> None:
    folder = sealed()

    def register() -> None:
        registry_at(DiesAfterCommit, fresh=True).register(folder, run_id=None, by="ann")

    assert forked(register) == [KILLED]
    registry = registry_at()
    assert registry.fetch(registry.get("1"))
    registry.reconcile()
    assert stage_tags(tmp_path) == {1: "candidate"}
    assert runs(tmp_path) == {"lead-1, 2026-01-01": "FINISHED"}
    assert left(registry.cache) == []


def test_a_registration_that_goes_on_is_let_be(
    registry_at: Open, sealed: Sealed, tmp_path: Path
) -> None:
    """Another process that changes something meanwhile ends nothing of it."""
    registry, folder, states = registry_at(), sealed(), list[str | None]()
    registry.register(sealed(), run_id=None, by="ann")

    class Meanwhile(Ledger):
        @contextmanager
        def exclusive(self) -> Iterator[LedgerWriter]:
            registry.reconcile()
            states.append(runs(tmp_path).get("lead"))
            with super().exclusive() as writer:
                yield writer

    registry_at(Meanwhile).register(folder, run_id=None, by="bob")
    assert states[0] == "RUNNING"
    assert set(runs(tmp_path).values()) == {"FINISHED"}


def test_a_registration_that_fails_leaves_no_run_that_runs(
    registry_at: Open, sealed: Sealed, tmp_path: Path
) -> None:
    class Full(Ledger):
        def exclusive(self) -> NoReturn:
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        registry_at(Full).register(sealed(), run_id=None, by="ann")
    registry = registry_at()
    registry.register(sealed(), run_id=None, by="ann")
    assert sorted(runs(tmp_path).values()) == ["FINISHED", "KILLED"]


@pytest.mark.parametrize(("dies", "done"), [(DiesBeforeCommit, False), (DiesAfterCommit, True)])
def test_a_killed_promotion_is_whole_or_not_at_all(
    registry_at: Open,
    sealed: Sealed,
    forked: Forked,
    tmp_path: Path,
    dies: type[Ledger],
    *,
    done: bool,
) -> None:
    registry = registry_at()
    for _ in range(2):
        registry.register(sealed(), run_id=None, by="ann")
    promote(registry, "1", Stage.CHAMPION, by="ann", reason="first")

    def second() -> None:
        promote(registry_at(dies, fresh=True), "2", Stage.CHAMPION, by="ann", reason="better")

    assert forked(second) == [KILLED]
    assert aliases(tmp_path) == {"champion": 1}
    assert open_cached(registry.cache).champion.label == "lead-1"
    champion = 2 if done else 1
    later = registry_at()
    assert open_cached(registry.cache).champion.label == f"lead-{champion}"
    assert later.at(Stage.CHAMPION) == later.get(str(champion))
    later.reconcile()
    assert aliases(tmp_path) == {"champion": champion}
    assert later.verify() is None


def test_a_promotion_that_died_untold_is_completed_when_given_again(
    registry_at: Open, sealed: Sealed, forked: Forked, tmp_path: Path
) -> None:
    registry = registry_at()
    for _ in range(2):
        registry.register(sealed(), run_id=None, by="ann")
    promote(registry, "1", Stage.CHAMPION, by="ann", reason="first")

    def second() -> None:
        own = registry_at(DiesAfterCommit, fresh=True)
        promote(own, "2", Stage.CHAMPION, by="ann", reason="better")

    assert forked(second) == [KILLED]
    assert aliases(tmp_path) == {"champion": 1}
    with pytest.raises(Refused, match="champion already"):
        promote(registry_at(), "2", Stage.CHAMPION, by="ann", reason="better")
    assert aliases(tmp_path) == {"champion": 2}


def test_promotions_at_the_same_moment_leave_one_champion(
    registry_at: Open, sealed: Sealed, forked: Forked, tmp_path: Path
) -> None:
    registry = registry_at()
    for _ in range(3):
        registry.register(sealed(), run_id=None, by="ann")
    promote(registry, "1", Stage.CHAMPION, by="ann", reason="first")

    def to_champion(number: str) -> Callable[[], None]:
        def body() -> None:
            own = registry_at(fresh=True)
            with suppress(Refused):
                promote(own, number, Stage.CHAMPION, by=number, reason="race")

        return body

    assert forked(to_champion("2"), to_champion("3")) == [0, 0]
    stages = [version.stage for version in registry.versions()]
    assert stages.count(Stage.CHAMPION) == 1
    champion = registry.at(Stage.CHAMPION)
    assert champion is not None
    assert champion.version in (2, 3)
    assert aliases(tmp_path) == {"champion": champion.version}
    assert open_cached(registry.cache).champion.label == champion.label
    assert sorted(stage_tags(tmp_path).values()).count("champion") == 1
    assert registry.verify() is None


def test_versions_registered_at_the_same_moment_are_all_there(
    registry_at: Open, sealed: Sealed, forked: Forked
) -> None:
    folders = [sealed() for _ in range(3)]

    def register(folder: Path) -> Callable[[], None]:
        def body() -> None:
            registry_at(fresh=True).register(folder, run_id=None, by="ann")

        return body

    assert forked(*[register(folder) for folder in folders]) == [0, 0, 0]
    registry = registry_at()
    assert [v.version for v in registry.versions()] == [1, 2, 3]
    assert all(registry.fetch(v) for v in registry.versions())
