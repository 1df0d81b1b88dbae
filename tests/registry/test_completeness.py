"""A version is complete, or it is refused: when it is registered, and again when it is opened."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.errors import BadInput
from domain.versions.input_profile import PROFILE_FILE
from domain.versions.manifest import (
    CARD_FILE,
    MANIFEST,
    REQUIRED,
    Manifest,
    Stage,
    open_sealed,
    seal,
)
from registry import cache as local
from registry.cache import open_cached
from registry.promotion import promote
from registry.store import Registry

Sealed = Callable[..., Path]
Open = Callable[..., Registry]


def unsealed(folder: Path, manifest: Manifest, **changed: Any) -> Path:
    (folder / MANIFEST).unlink()
    seal(folder, msgspec.structs.replace(manifest, files={}, **changed))
    return folder


@pytest.mark.parametrize("name", REQUIRED)
def test_a_version_without_one_of_its_files_is_refused(
    registry_at: Open, sealed: Sealed, manifest: Callable[..., Manifest], name: str
) -> None:
    folder = sealed()
    (folder / name).unlink()
    registry = registry_at()
    for broken in (folder, unsealed(folder, manifest())):
        with pytest.raises(BadInput, match=name.replace(".", r"\.")) as refusal:
            registry.register(broken, run_id=None, by="ann")
        assert refusal.value.rule == "version-complete"
    assert registry.versions() == []
    assert registry.ledger.entries() == []


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"features": ()}, "no features"),
        ({"features": ("a", "a")}, "no features"),
        ({"categories": ("other",)}, "categories"),
        ({"metrics": {}}, "no metrics"),
        ({"counts": {}}, "no counts"),
        ({"quantiles": (0.0, 1.0)}, "percentiles"),
        ({"quantiles": tuple(1 - q / 100 for q in range(101))}, "percentiles"),
        ({"horizon_days": 0.0}, "no outcome"),
    ],
)
def test_a_manifest_that_lacks_something_is_refused(
    registry_at: Open,
    sealed: Sealed,
    manifest: Callable[..., Manifest],
    changed: dict[str, Any],
    what: str,
) -> None:
    folder = unsealed(sealed(), manifest(), **changed)
    with pytest.raises(BadInput, match=what) as refusal:
        registry_at().register(folder, run_id=None, by="ann")
    assert refusal.value.rule == "version-complete"


@pytest.mark.parametrize("changed", [{"events": 0}, {"log_hash": ""}, {"configuration_hash": ""}])
def test_a_lineage_that_says_nothing_is_refused(
    registry_at: Open,
    sealed: Sealed,
    manifest: Callable[..., Manifest],
    changed: dict[str, Any],
) -> None:
    made = manifest()
    lineage = msgspec.structs.replace(made.lineage, **changed)
    folder = unsealed(sealed(), made, lineage=lineage)
    with pytest.raises(BadInput, match="lineage"):
        registry_at().register(folder, run_id=None, by="ann")


@pytest.mark.parametrize("name", [*REQUIRED, "report/page.md"])
def test_every_file_is_checked(sealed: Sealed, name: str) -> None:
    folder = sealed()
    (folder / name).write_bytes(b"other")
    with pytest.raises(BadInput, match="altered"):
        open_sealed(folder)
    (folder / name).unlink()
    with pytest.raises(BadInput, match="missing"):
        open_sealed(folder)


@pytest.mark.parametrize(("name", "fault"), [(CARD_FILE, "altered"), (PROFILE_FILE, "gone")])
def test_a_version_that_is_no_longer_whole_takes_no_stage(
    registry_at: Open, sealed: Sealed, tmp_path: Path, name: str, fault: str
) -> None:
    registry = registry_at()
    for _ in range(2):
        registry.register(sealed(), run_id=None, by="ann")
    promote(registry, "1", Stage.CHAMPION, by="ann", reason="first")
    copies = [local.version_folder(registry.cache, "lead-2") / name]
    copies += [p / name for p in (tmp_path / "artifacts").rglob("version")]
    for path in copies:
        path.unlink() if fault == "gone" else path.write_bytes(b"other")
    with pytest.raises(BadInput, match="version-"):
        promote(registry, "2", Stage.CHAMPION, by="ann", reason="better", override=True)
    assert open_cached(registry.cache).champion.label == "lead-1"
    assert [e.kind for e in registry.ledger.entries()][-1] == "promoted"
    assert registry.verify() is None


@pytest.mark.parametrize("step", ["stage_copy", "place"])
def test_killed_in_the_middle_of_registering(
    registry_at: Open,
    sealed: Sealed,
    forked: Callable[..., list[int | None]],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    registry = registry_at()
    registry.register(sealed(), run_id=None, by="ann")
    promote(registry, "1", Stage.CHAMPION, by="ann", reason="first")
    folder = sealed()

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def register() -> None:
        own = registry_at(fresh=True)
        if step == "place":
            monkeypatch.setattr(local, "place", die)
        else:
            monkeypatch.setattr(local, "open_sealed_as", die)
        own.register(folder, run_id=None, by="bob")

    assert forked(register) == [-signal.SIGKILL]
    monkeypatch.undo()
    later = registry_at()
    assert [v.label for v in later.versions()] == ["lead-1"]
    assert open_cached(later.cache).champion.label == "lead-1"
    assert later.verify() is None
    # MLflow may have given the number away: it is not given again
    assert later.register(folder, run_id=None, by="bob").label in ("lead-2", "lead-3")
