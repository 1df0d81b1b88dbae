"""Where the live versions lie: in a home, or with the code of a Bento."""

from collections.abc import Mapping
from pathlib import Path

from config.settings import Settings
from domain.versions.manifest import VersionKind

BUNDLE = Path(__file__).parents[1] / "serving" / "bundle"
"""Where a Bento or an image carries the live versions: with the code, in no home."""

FOLDERS: Mapping[VersionKind, str] = {"model": "", "policy": "policies", "workflow": "workflows"}
"""Where each kind lies within the live versions."""


def carried(bundle: Path = BUNDLE) -> Path | None:
    """The bundle that this code was shipped with.

    None in a checkout: what is there is laid out for the next build, and says nothing about homes.
    """
    checkout = (bundle.parents[1] / ".git").exists()
    return bundle if bundle.is_dir() and not checkout else None


def cache_of(settings: Settings) -> Path:
    """Where the live versions' files are kept, for serving without the registry."""
    return settings.home / "live"


def policy_cache_of(settings: Settings) -> Path:
    """Where the live policies' files are kept."""
    return folder_of(settings, "policy")


def folder_of(settings: Settings, kind: VersionKind) -> Path:
    """Where the live versions of a kind are kept; all within the models', so that one copy does."""
    return cache_of(settings) / FOLDERS[kind]
