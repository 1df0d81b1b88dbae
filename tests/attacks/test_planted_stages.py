"""The cache that serving lives on is edited by hand: what the ledger does not say never answers."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.home_definition import definition_of
from config.settings import Settings
from domain.errors import BadInput, LeadscoreError, Unavailable
from domain.versions.manifest import (
    MANIFEST,
    MODEL_FILE,
    Stage,
    check_label,
    file_hash,
    open_sealed,
    seal,
)
from registry.cache import STAGES_FILE, read_cached_stages, version_folder
from scoring.live_models import LiveVersions
from tests.forging import forge_ledger
from wiring.bundle import pack_bundle, unpack_bundle
from wiring.integrity.agreement import agreement
from wiring.live_folders import cache_of, carried
from wiring.registry import open_registry

Edit = Callable[[dict[str, object]], None]


def live(settings: Settings) -> LiveVersions:
    return LiveVersions(
        cache_of(settings),
        definition_of(settings),
        0.0,
        iter(range(1_000_000)).__next__,
        aside=lambda work: work(),
        agree=agreement(settings, "model"),
    )


def edited(settings: Settings, edit: Edit) -> None:
    path = cache_of(settings) / STAGES_FILE
    held = json.loads(path.read_text())
    edit(held)
    path.with_suffix(".new").write_text(json.dumps(held))
    path.with_suffix(".new").replace(path)


def swap(held: dict[str, object]) -> None:
    held["champion"], held["challenger"], held["rollout"] = held["challenger"], None, None


def all_to_the_challenger(held: dict[str, object]) -> None:
    held["rollout"]["weight"] = 1.0  # type: ignore[index]


EDITS: dict[str, Edit] = {
    "the challenger made champion": swap,
    "a later sequence": lambda held: held.update(sequence=10**6),
    "a negative sequence": lambda held: held.update(sequence=-1),
    "a hash altered": lambda held: held.update(hash="0" * 64),
    "the rollout's weight": all_to_the_challenger,
    "a holdout put in": lambda held: held.update(
        holdout={**held["rollout"], "mode": "holdout"}  # type: ignore[dict-item]
    ),
    "the challenger left out": lambda held: held.update(challenger=None, rollout=None),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_edited_stages_are_not_served(own_home: Settings, edit: Edit) -> None:
    running = live(own_home)
    before = running.current()
    edited(own_home, edit)
    assert running.current() is before
    with pytest.raises(BadInput) as caught:
        live(own_home).current()
    assert caught.value.rule == "stages-by-ledger"


@pytest.mark.parametrize("where", ["..", "absolute"])
def test_a_label_that_leads_out_is_not_served(own_home: Settings, where: str) -> None:
    cache = cache_of(own_home)
    champion = read_cached_stages(cache).champion
    assert champion is not None
    outside = own_home.home.parent / "outside"
    shutil.copytree(version_folder(cache, champion.label), outside)
    label = "../../../outside" if where == ".." else str(outside)
    edited(own_home, lambda held: held["champion"].update(label=label))  # type: ignore[attr-defined]
    with pytest.raises(BadInput) as caught:
        live(own_home).current()
    assert caught.value.rule == "stages-readable"


@given(st.one_of(st.text(), st.from_regex(r"[./a-z]*-[0-9]+\n?", fullmatch=True)))
def test_what_is_a_label_is_one_plain_folder(text: str) -> None:
    try:
        check_label(text)
    except BadInput:
        return
    assert Path(text).parts == (text,)
    assert text not in {".", ".."}
    assert text.isprintable()


@pytest.mark.parametrize("what", ["a file", "the manifest", "the folder"])
def test_links_within_a_version_are_not_served(own_home: Settings, what: str) -> None:
    cache = cache_of(own_home)
    champion = read_cached_stages(cache).champion
    assert champion is not None
    folder = version_folder(cache, champion.label)
    names = {"a file": MODEL_FILE, "the manifest": MANIFEST, "the folder": ""}
    path = folder / names[what]
    outside = own_home.home.parent / "outside"
    path.rename(outside)
    path.symlink_to(outside)
    with pytest.raises(BadInput) as caught:
        live(own_home).current()
    assert caught.value.rule == "version-inside"


def test_a_version_that_was_sealed_anew_is_not_served(own_home: Settings) -> None:
    cache = cache_of(own_home)
    champion = read_cached_stages(cache).champion
    assert champion is not None
    folder = version_folder(cache, champion.label)
    manifest = open_sealed(folder)
    seal(folder, msgspec.structs.replace(manifest, outcome="lost", files={}))
    edited(
        own_home,
        lambda held: held["champion"].update(  # type: ignore[attr-defined]
            manifest_hash=file_hash(folder / MANIFEST)
        ),
    )
    with pytest.raises(BadInput) as caught:
        live(own_home).current()
    assert caught.value.rule == "stages-by-ledger"


def test_stages_of_the_past_do_not_come_back(own_home: Settings) -> None:
    path = cache_of(own_home) / STAGES_FILE
    past = path.read_bytes()
    registry = open_registry(own_home)
    challenger = read_cached_stages(cache_of(own_home)).challenger
    assert challenger is not None
    registry.transition(challenger.label, Stage.CANDIDATE, by="tests", reason="tests")
    path.write_bytes(past)
    found = live(own_home).current()
    told = read_cached_stages(cache_of(own_home))
    assert told.rollout is not None
    assert found.rollout is None, "the ledger's head is served, not the file"


def test_a_ledger_written_anew_is_not_served_once_it_was_anchored(own_home: Settings) -> None:
    live(own_home).current()
    forge_ledger(own_home, lambda row: {**row, "reason": "nothing happened"})
    (cache_of(own_home) / STAGES_FILE).unlink()
    with pytest.raises(LeadscoreError) as caught:
        live(own_home).current()
    assert caught.value.rule == "ledger-anchored"


@pytest.mark.parametrize("how", ["removed", "no database", "emptied"])
def test_without_a_ledger_what_stood_last_is_served_and_nothing_else(
    own_home: Settings, how: str
) -> None:
    champion = live(own_home).current().champion.scorer.label
    for path in own_home.home.glob("ledger.db*"):
        path.unlink()
    if how == "no database":
        (own_home.home / "ledger.db").write_bytes(b"no database" * 500)
    elif how == "emptied":
        (own_home.home / "ledger.db").touch()
    assert live(own_home).current().champion.scorer.label == champion
    edited(own_home, swap)
    with pytest.raises(Unavailable) as caught:
        live(own_home).current()
    assert caught.value.rule == "stages-proven"


def test_a_bundle_vouches_for_itself_alone(
    own_home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle"
    pack_bundle(own_home, bundle)
    monkeypatch.setattr("wiring.integrity.agreement.carried", lambda: bundle)
    fresh = msgspec.structs.replace(own_home, home=tmp_path / "fresh")
    assert unpack_bundle(fresh, bundle)
    assert live(fresh).current().challenger is not None
    edited(fresh, swap)
    with pytest.raises(Unavailable):
        live(fresh).current()


def test_what_is_laid_out_for_a_build_says_nothing_in_a_checkout(
    own_home: Settings, tmp_path: Path
) -> None:
    checkout, shipped = (tmp_path / name / "serving" / "bundle" for name in ("here", "there"))
    for bundle in (checkout, shipped):
        pack_bundle(own_home, bundle)
    (tmp_path / "here" / ".git").mkdir()
    assert carried(checkout) is None
    assert carried(shipped) == shipped
    assert carried(tmp_path / "none" / "serving" / "bundle") is None


def test_an_edited_home_is_not_packed(own_home: Settings, tmp_path: Path) -> None:
    edited(own_home, swap)
    with pytest.raises(BadInput):
        pack_bundle(own_home, tmp_path / "bundle")
