"""A version is opened only where it says what it said when it was made."""

import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import msgspec
import pytest

from config.home_definition import definition_of
from config.settings import Settings
from domain.errors import BadInput
from domain.scores import Calibrator
from domain.versions.golden_rows import (
    GOLDEN_FILE,
    GOLDEN_ROWS,
    GoldenRows,
    read_golden,
    write_golden,
)
from domain.versions.manifest import MANIFEST, Manifest, Stage, open_sealed, seal
from registry.cache import OpenedVersion, open_cached
from registry.store import Registry
from scoring.live_models import LiveVersions
from scoring.model.golden_check import check_golden
from scoring.model.scorer import Scorer
from tests.conftest import Trained
from wiring.live_folders import cache_of
from wiring.registry import open_registry


@pytest.fixture(scope="module")
def opened(trained: Trained) -> OpenedVersion[Manifest]:
    return open_cached(cache_of(trained.settings)).champion


@pytest.fixture
def folder(opened: OpenedVersion[Manifest], tmp_path: Path) -> Path:
    return Path(shutil.copytree(opened.folder, tmp_path / "version"))


def check(opened: OpenedVersion[Manifest], folder: Path) -> int:
    manifest = opened.manifest
    scorer = Scorer("v", folder, manifest, manifest.definition)
    return check_golden(scorer, folder, manifest.definition)


def held(folder: Path) -> GoldenRows:
    rows = read_golden(folder)
    assert rows is not None
    return rows


def test_training_seals_them(opened: OpenedVersion[Manifest], folder: Path) -> None:
    assert GOLDEN_FILE in opened.manifest.files
    rows = held(folder)
    assert len(rows.scores) == len(rows.margins) == len(rows.texts) == GOLDEN_ROWS
    assert len(set(rows.scores)) > 1
    assert check(opened, folder) == GOLDEN_ROWS


@pytest.mark.parametrize("what", ["margins", "scores"])
@pytest.mark.parametrize("at", [0, GOLDEN_ROWS - 1])
def test_one_that_says_otherwise_is_refused(
    opened: OpenedVersion[Manifest], folder: Path, what: str, at: int
) -> None:
    rows = held(folder)
    moved = list(getattr(rows, what))
    moved[at] += 2e-9
    write_golden(msgspec.structs.replace(rows, **{what: tuple(moved)}), folder)
    with pytest.raises(BadInput) as caught:
        check(opened, folder)
    assert caught.value.rule == "golden-rows"


def test_rows_that_cannot_be_read_are_refused(
    opened: OpenedVersion[Manifest], folder: Path
) -> None:
    (folder / GOLDEN_FILE).write_bytes(b"{")
    with pytest.raises(BadInput) as caught:
        check(opened, folder)
    assert caught.value.rule == "golden-rows"


def test_a_version_without_them_is_compared_with_its_reference_sample(
    opened: OpenedVersion[Manifest], folder: Path
) -> None:
    (folder / GOLDEN_FILE).unlink()
    assert check(opened, folder) == GOLDEN_ROWS
    steeper = Calibrator(kind="platt", coefficients=(1.1, 0.1))
    other = msgspec.structs.replace(opened.manifest, calibrator=steeper)
    scorer = Scorer("v", folder, other, other.definition)
    with pytest.raises(BadInput):
        check_golden(scorer, folder, other.definition)


def test_a_version_sealed_without_them_opens(folder: Path) -> None:
    (folder / GOLDEN_FILE).unlink()
    manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    seal(folder, msgspec.structs.replace(manifest, files={}))
    assert GOLDEN_FILE not in open_sealed(folder).files


def test_nobody_waits_while_another_version_is_loaded(own_home: Settings) -> None:
    """Requests that come meanwhile are answered by the old version, at once."""
    now, go = [100.0], Event()
    work: list[Thread] = []

    def aside(load: Callable[[], None]) -> None:
        def late() -> None:
            go.wait(30)
            load()

        work.append(Thread(target=late))
        work[-1].start()

    versions = LiveVersions(
        cache_of(own_home), definition_of(own_home), 1.0, lambda: now[0], aside=aside
    )
    before = versions.current()
    registry: Registry = open_registry(own_home)
    registry.transition("lead-2", Stage.CHAMPION, by="t", reason="t")
    for _ in range(5):
        now[0] += 1.0
        assert versions.current() is before
    assert len(work) == 1, "loaded once, however often it is looked at meanwhile"
    go.set()
    work[0].join()
    assert versions.current().champion.scorer.label == "lead-2"
