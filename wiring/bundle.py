"""The bundle: what a Bento carries so that it can score without the registry or a home.

It holds the live versions' files, the feature definition and the contracts: no lead and no event.
"""

import shutil
from pathlib import Path
from typing import get_args

from config.settings import Settings
from domain.errors import Missing
from domain.versions.manifest import VersionKind
from registry.cache import write_stages
from wiring.integrity.agreement import standing_stages
from wiring.live_folders import BUNDLE, carried, folder_of

_PARTS = ("definition.json", "contracts", "live")


def pack_bundle(settings: Settings, into: Path = BUNDLE) -> Path:
    """Copy what the service needs of a home to where `bentoml build` finds it.

    What stands there by the ledger is sealed into the Bento: it vouches for it where there is no
    ledger. Raises Missing where no version is champion, and where the home contradicts its ledger.
    """
    stages = standing_stages(settings, "model")
    if stages is None or stages.champion is None:
        raise Missing(
            "no version is champion",
            rule="champion-known",
            where=str(settings.home),
            todo="Train a version and promote it to champion.",
        )
    partial = into.with_name(into.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    _copy(settings.home, partial)
    for kind in get_args(VersionKind):
        if (stages := standing_stages(settings, kind)) is not None:
            folder = folder_of(settings, kind).relative_to(settings.home)
            write_stages(partial / folder, stages)
    shutil.rmtree(into, ignore_errors=True)
    partial.rename(into)
    return into


def unpack_bundle(settings: Settings, bundle: Path | None = None) -> bool:
    """Furnish a home that has no definition yet from the bundle; whether it did.

    Without `bundle`, what this code was shipped with.
    """
    bundle = bundle or carried()
    if bundle is None or settings.definition_file.is_file():
        return False
    if not (bundle / "definition.json").is_file():
        return False
    _copy(bundle, settings.home)
    return True


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in _PARTS:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, dirs_exist_ok=True)
        elif (source / name).is_file():
            shutil.copy2(source / name, target / name)
