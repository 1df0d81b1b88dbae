"""A version is put in force whose files are damaged: it never answers, in the running service."""

import time
from pathlib import Path

import httpx

from config.settings import Settings
from domain.versions.manifest import FALLBACK_FOLDER, MODEL_FILE, Stage
from registry.cache import read_cached_stages, version_folder
from registry.transitions import Author, GateVerdict, move
from serving.supervisor import running
from tests.resilience.conftest import lead_ids
from wiring.live_folders import cache_of
from wiring.registry import open_registry
from wiring.scoring import LOOK_EVERY_S, open_scoring


def damage(path: Path) -> bytes:
    whole = path.read_bytes()
    path.write_bytes(whole[:-10] + b"0123456789")
    return whole


def test_the_old_version_answers_until_every_file_of_the_new_one_is_whole(
    own_home: Settings,
) -> None:
    cache, lead = cache_of(own_home), lead_ids(open_scoring(own_home), 1)[0]
    stages = read_cached_stages(cache)
    assert stages.champion is not None
    assert stages.challenger is not None
    folder = version_folder(cache, stages.challenger.label)
    model, fallback = folder / MODEL_FILE, folder / FALLBACK_FOLDER / MODEL_FILE

    def answers(client: httpx.Client, label: str, seconds: float) -> bool:
        """Ask all the time; whether that version answered. Nobody else than the old one may."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            told = client.post("/score", json={"lead_id": lead})
            assert told.status_code == 200
            assert not told.json()["degraded_by"].startswith("profile")
            if told.json()["versions"]["model"] == label:
                return True
            time.sleep(0.02)
        return False

    old, new = stages.champion.label, stages.challenger.label
    registry, author = open_registry(own_home), Author("tests", "tests")
    registry.commit(lambda now: move(now, new, Stage.CANDIDATE, author, GateVerdict()))
    with running(own_home) as url, httpx.Client(base_url=url, timeout=30) as client:
        assert answers(client, old, 30.0)
        whole = damage(model), damage(fallback)
        registry.commit(lambda now: move(now, new, Stage.CHAMPION, author, GateVerdict()))
        assert not answers(client, new, 2.5 * LOOK_EVERY_S)
        model.write_bytes(whole[0])
        assert not answers(client, new, 1.5 * LOOK_EVERY_S), "its fallback is damaged still"
        fallback.write_bytes(whole[1])
        assert answers(client, new, 30.0), "no restart is needed"
