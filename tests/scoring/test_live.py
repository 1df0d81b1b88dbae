"""Versions are swapped while answers are given; a bad one never answers."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import msgspec
import numpy as np
import pytest

from config.home_definition import definition_of
from config.settings import Settings
from domain.errors import BadInput, NoModel
from domain.versions.manifest import MANIFEST, MODEL_FILE, Stage, file_hash, open_sealed, seal
from feature_repo.catalogue import category_names, number_names
from registry.cache import STAGES_FILE, read_cached_stages, version_folder, write_stages
from registry.promotion import Terms, promote
from registry.store import Registry
from scoring.live_models import Live, LiveVersions
from tests.conftest import Trained
from tests.waiting import until
from wiring.live_folders import cache_of
from wiring.registry import open_registry

INTERVAL = 1.0


class Seconds:
    """A monotonic clock that is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def at_once(work: Callable[[], None]) -> None:
    work()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def versions(own_home: Settings, seconds: Seconds) -> LiveVersions:
    d = definition_of(own_home)
    return LiveVersions(cache_of(own_home), d, INTERVAL, seconds, aside=at_once)


@pytest.fixture
def registry(own_home: Settings) -> Registry:
    return open_registry(own_home)


def labels(live: Live) -> tuple[str, str]:
    challenger = live.challenger.scorer.label if live.challenger else ""
    return live.champion.scorer.label, challenger


def move(registry: Registry, label: str, stage: Stage) -> None:
    terms = Terms(weight=0.5)
    promote(registry, label, stage, by="tests", reason="tests", override=True, terms=terms)


def answers(live: Live, settings: Settings) -> bool:
    """Whether every version that is live scores."""
    d = definition_of(settings)
    numbers, texts = np.zeros((2, len(number_names(d)))), [[""] * len(category_names(d))] * 2
    loaded = [live.champion, *([live.challenger] if live.challenger else [])]
    return all(np.all(np.isfinite(one.scorer.score(numbers, texts).scores)) for one in loaded)


def corrupt(settings: Settings, label: str) -> None:
    path = version_folder(cache_of(settings), label) / MODEL_FILE
    path.write_bytes(path.read_bytes()[:-10] + b"0123456789")


def reseal(settings: Settings, label: str) -> None:
    """Make a version's model nonsense, with hashes that fit."""
    cache = cache_of(settings)
    folder = version_folder(cache, label)
    manifest = open_sealed(folder)
    (folder / MODEL_FILE).write_bytes(b"no model")
    seal(folder, msgspec.structs.replace(manifest, files={}))
    stages = read_cached_stages(cache)
    changed = {
        name: msgspec.structs.replace(held, manifest_hash=file_hash(folder / MANIFEST))
        for name in ("champion", "challenger")
        if (held := getattr(stages, name)) is not None and held.label == label
    }
    write_stages(cache, msgspec.structs.replace(stages, sequence=stages.sequence + 1, **changed))


def test_promotion_and_rollback_are_noticed_within_the_interval(
    own_home: Settings, versions: LiveVersions, registry: Registry, seconds: Seconds
) -> None:
    first = versions.current()
    champion, challenger = labels(first)
    assert champion
    assert challenger
    assert first.rollout is not None
    move(registry, challenger, Stage.CHAMPION)
    assert versions.current() is first, "not looked at before the interval has passed"
    seconds.now += INTERVAL
    assert labels(versions.current()) == (challenger, "")
    assert versions.current().rollout is None
    registry.rollback(by="tests", reason="tests")
    seconds.now += INTERVAL
    second = versions.current()
    assert labels(second)[0] == champion
    assert answers(second, own_home)
    seconds.now += INTERVAL
    assert versions.current() is second, "nothing changed, nothing is opened anew"


@pytest.mark.parametrize("how", ["altered", "gone", "sealed nonsense"])
def test_a_corrupted_challenger_never_takes_a_request(
    own_home: Settings, versions: LiveVersions, how: str
) -> None:
    stages = read_cached_stages(cache_of(own_home))
    assert stages.champion is not None
    assert stages.challenger is not None
    match how:
        case "altered":
            corrupt(own_home, stages.challenger.label)
        case "gone":
            (version_folder(cache_of(own_home), stages.challenger.label) / MODEL_FILE).unlink()
        case _:
            reseal(own_home, stages.challenger.label)
    live = versions.current()
    assert labels(live) == (stages.champion.label, "")
    assert live.rollout is None
    assert answers(live, own_home)


@pytest.mark.parametrize("nonsense", [False, True])
def test_a_corrupted_new_champion_leaves_the_old_one_answering(
    own_home: Settings,
    versions: LiveVersions,
    registry: Registry,
    seconds: Seconds,
    caplog: pytest.LogCaptureFixture,
    nonsense: bool,
) -> None:
    before = versions.current()
    challenger = labels(before)[1]
    good = version_folder(cache_of(own_home), challenger)
    whole = {p.name: p.read_bytes() for p in good.iterdir() if p.is_file()}
    move(registry, challenger, Stage.CHAMPION)
    stages = (cache_of(own_home) / STAGES_FILE).read_bytes()
    if nonsense:
        reseal(own_home, challenger)
    else:
        corrupt(own_home, challenger)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            seconds.now += INTERVAL
            assert versions.current() is before
    assert len(caplog.records) == 1, "told of once, not at every look"
    assert answers(before, own_home)
    # mended in place: it is noticed, though nobody stands anywhere else
    for name, content in whole.items():
        (good / name).write_bytes(content)
    (cache_of(own_home) / STAGES_FILE).write_bytes(stages)
    seconds.now += INTERVAL
    assert labels(versions.current()) == (challenger, "")


def test_a_process_that_begins_with_a_corrupted_champion_says_so(
    own_home: Settings, versions: LiveVersions
) -> None:
    stages = read_cached_stages(cache_of(own_home))
    assert stages.champion is not None
    corrupt(own_home, stages.champion.label)
    for _ in range(2):
        with pytest.raises(BadInput) as caught:
            versions.current()
        assert caught.value.rule == "version-unaltered"


def test_an_empty_cache_is_no_model(trained: Trained, tmp_path: Path, seconds: Seconds) -> None:
    none = LiveVersions(tmp_path / "live", definition_of(trained.settings), INTERVAL, seconds)
    with pytest.raises(NoModel):
        none.current()


def test_stages_that_vanish_or_are_torn_change_nothing(
    own_home: Settings, versions: LiveVersions, seconds: Seconds
) -> None:
    before = versions.current()
    path = cache_of(own_home) / STAGES_FILE
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    seconds.now += INTERVAL
    assert versions.current() is before
    path.unlink()
    seconds.now += INTERVAL
    assert versions.current() is before
    path.write_bytes(whole)
    seconds.now += INTERVAL
    assert labels(versions.current()) == labels(before)


def until_seen(seen: set[str], label: str, faults: list[BaseException]) -> None:
    """Return once a version answers from now on, or something failed."""
    seen.clear()
    until(
        lambda: label in seen or faults,
        what=lambda: f"{label} never answers, {seen} do",
        every=0.01,
    )


def test_many_threads_answer_while_versions_are_swapped(
    own_home: Settings, registry: Registry
) -> None:
    versions = LiveVersions(cache_of(own_home), definition_of(own_home), 0.01, time.monotonic)
    champion, challenger = labels(versions.current())
    seen: set[str] = set()
    faults: list[BaseException] = []
    stop = False

    def work() -> None:
        try:
            while not stop:
                live = versions.current()
                seen.add(live.champion.scorer.label)
                assert answers(live, own_home)
        except BaseException as bad:
            faults.append(bad)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        until_seen(seen, champion, faults)
        move(registry, challenger, Stage.CHAMPION)
        until_seen(seen, challenger, faults)
        registry.rollback(by="tests", reason="tests")
        until_seen(seen, champion, faults)
    finally:
        stop = True
        for thread in threads:
            thread.join()
    assert not faults
    assert seen <= {champion, challenger}
