"""The online store dies, hangs, comes back empty, is damaged: leads are answered all the same."""

import signal
import sqlite3
import time
from collections.abc import Sequence
from statistics import median

import msgspec
import pytest

from config.home_definition import definition_of
from config.settings import Settings
from domain.errors import Unavailable
from domain.scores import ScoreAnswer
from domain.versions.manifest import MANIFEST, Manifest, file_hash, open_sealed, seal
from jobs.decisions.replay_decision import replay
from jobs.signals.rebuild_states import rebuild_states
from registry.cache import CachedVersion, read_cached_stages, version_folder
from scoring.profile_only_version import SUFFIX
from tests.forging import resealed
from tests.resilience.conftest import WAIT_MS, lead_ids
from tests.servers import Process
from tests.waiting import until
from wiring.live_folders import cache_of
from wiring.scoring import Scoring, open_scoring

KEEP_S = 2.0


def why(answers: Sequence[ScoreAnswer]) -> list[str]:
    assert all(a.degraded == bool(a.degraded_by) for a in answers)
    return [a.degraded_by for a in answers]


def is_whole(scoring: Scoring, leads: Sequence[str]) -> bool:
    """Whether nobody's answer lacks the online store, as once the breaker tries it again."""
    return set(why(scoring.answerer.score(leads))) <= {"", "inputs"}


def said(answer: ScoreAnswer) -> tuple[float, object, object]:
    return answer.score, answer.reasons, answer.decision


def open_live(settings: Settings) -> Scoring:
    return open_scoring(settings, live=True)


def test_a_dead_store_leaves_last_known_states_then_profiles_and_all_comes_back(
    on_redis: Settings, own_redis: Process
) -> None:
    scoring = open_live(on_redis)
    known, others = lead_ids(scoring, 6), lead_ids(scoring, 6, after=6)
    before = scoring.answerer.score(known)
    assert set(why(before)) <= {"", "inputs"}
    own_redis.stop()
    after = scoring.answerer.score([*known, *others])
    assert why(after) == ["last-known"] * 6 + ["profile-only"] * 6
    assert [said(a) for a in after[:6]] == [said(a) for a in before]
    for answer in after[6:]:
        assert answer.versions.model.endswith(SUFFIX)
        assert answer.reasons
        assert 0 < answer.score < 1
        record = scoring.trail.get(answer.decision_id)
        assert record.answer.degraded_by == "profile-only"
        assert record.facts.features, "what a policy would look at is named"
        assert set(record.facts.features.values()) == {None}, "unknown is not never"
    for answer in after:
        assert replay(on_redis, answer.decision_id) == []
    own_redis.start()
    rebuild_states(on_redis, definition_of(on_redis), lambda _: None)
    until(lambda: is_whole(scoring, known[:1]))
    again = scoring.answerer.score([*known, *others])
    assert set(why(again)) <= {"", "inputs"}
    assert [said(a) for a in again[:6]] == [said(a) for a in before]
    assert scoring.trail.verify().broken is None


def test_a_hanging_store_is_waited_for_no_longer_than_set_and_then_not_at_all(
    on_redis: Settings, own_redis: Process
) -> None:
    scoring = open_live(on_redis)
    leads = lead_ids(scoring, 3)
    scoring.answerer.score(leads)
    assert own_redis.started is not None
    own_redis.started.send_signal(signal.SIGSTOP)
    try:
        took = []
        for _ in range(8):
            began = time.monotonic()
            assert why(scoring.answerer.score(leads)) == ["last-known"] * 3
            took.append(time.monotonic() - began)
    finally:
        own_redis.started.send_signal(signal.SIGCONT)
    bound = WAIT_MS / 1000
    assert max(took) < 10 * bound, "the wait is bounded, on a busy machine too"
    assert median(took[3:]) < bound, "the breaker is open: nobody waits any more"
    until(lambda: is_whole(scoring, leads))


def test_a_store_that_came_back_empty_is_not_believed(
    on_redis: Settings, own_redis: Process
) -> None:
    scoring = open_live(on_redis)
    known, others = lead_ids(scoring, 3), lead_ids(scoring, 3, after=3)
    scoring.answerer.score(known)
    own_redis.stop()
    own_redis.start()
    answers = scoring.answerer.score([*known, *others])
    assert why(answers) == ["last-known"] * 3 + ["profile-only"] * 3


def test_last_known_states_grow_too_old(on_redis: Settings, own_redis: Process) -> None:
    settings = msgspec.structs.replace(on_redis, features_keep_s=KEEP_S, features_keep=2)
    scoring = open_live(settings)
    leads = lead_ids(scoring, 3)
    scoring.answerer.score(leads)
    own_redis.stop()
    assert sorted(why(scoring.answerer.score(leads))) == ["last-known"] * 2 + ["profile-only"]
    until(lambda: why(scoring.answerer.score(leads)) == ["profile-only"] * 3)
    restarted = open_live(settings)
    restarted.versions.current()
    assert why(restarted.answerer.score(leads)) == ["profile-only"] * 3


def test_a_version_without_a_fallback_says_that_it_cannot(
    on_redis: Settings, own_redis: Process
) -> None:
    without_fallback(on_redis)
    scoring = open_live(on_redis)
    known, other = lead_ids(scoring, 2)
    scoring.answerer.score([known])
    own_redis.stop()
    with pytest.raises(Unavailable, match="no model of the profile alone"):
        scoring.answerer.score([other])
    assert why(scoring.answerer.score([known])) == ["last-known"]
    with pytest.raises(Unavailable):
        scoring.what_ifs.ask(scoring.plane.directory.resolve(other), {"employees": 9.0})


def without_fallback(settings: Settings) -> None:
    """Make all live versions as they were before fallbacks were kept."""
    cache = cache_of(settings)
    stages = read_cached_stages(cache)
    held = {}
    for name in ("champion", "challenger"):
        version: CachedVersion = getattr(stages, name)
        folder = version_folder(cache, version.label)
        manifest: Manifest = open_sealed(folder)
        assert manifest.fallback is not None
        seal(folder, msgspec.structs.replace(manifest, files={}, fallback=None))
        held[version.label] = file_hash(folder / MANIFEST)
    resealed(settings, held)


def test_a_damaged_file_of_the_embedded_store_is_got_over_once_it_is_mended(
    own_home: Settings,
) -> None:
    scoring = open_live(own_home)
    leads = lead_ids(scoring, 3)
    path = own_home.home / "feast" / "online.db"
    whole = {p: p.read_bytes() for p in path.parent.glob("online.db*")}
    scoring.answerer.score(leads[:1])
    for held in whole:
        held.write_bytes(b"damaged" * 4096)
    answers = scoring.answerer.score(leads)
    assert set(why(answers)) <= {"last-known", "profile-only", "", "inputs"}
    assert set(why(scoring.answerer.score(leads))) & {"last-known", "profile-only"}
    for held, content in whole.items():
        held.write_bytes(content)
    until(lambda: is_whole(scoring, leads))


def test_an_embedded_store_locked_by_another_is_waited_for_no_longer_than_set(
    own_home: Settings,
) -> None:
    scoring = open_live(msgspec.structs.replace(own_home, features_wait_ms=WAIT_MS))
    leads = lead_ids(scoring, 2)
    scoring.answerer.score(leads)
    scoring.features.feast.provider.online_store._conn.close()
    scoring.features.feast.provider.online_store._conn = None
    other = sqlite3.connect(own_home.home / "feast" / "online.db", isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    try:
        assert why(scoring.answerer.score(leads)) == ["last-known"] * 2
    finally:
        took = time.monotonic() - began
        other.close()
    assert took < 10 * WAIT_MS / 1000
    until(lambda: is_whole(scoring, leads))
