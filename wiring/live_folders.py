"""Where the live versions lie: in a home, or with the code of a Bento."""

from collections.abc import Mapping
from pathlib import Path

from config.settings import Settings
from domain.versions.manifest import VersionKind

BUNDLE = Path(__file__).parents[1] / "serving" / "bundle"
"""Where a Bento carries the live versions: with the code, in no home."""

FOLDERS: Mapping[VersionKind, str] = {"model": "", "policy": "policies", "workflow": "workflows"}
"""Where each kind lies within the live versions."""


def cache_of(settings: Settings) -> Path:
    """Where the live versions' files are kept, for serving without the registry."""
    return settings.home / "live"


def policy_cache_of(settings: Settings) -> Path:
    """Where the live policies' files are kept."""
    return folder_of(settings, "policy")


def folder_of(settings: Settings, kind: VersionKind) -> Path:
    """Where the live versions of a kind are kept; all within the models', so that one copy does."""
    return cache_of(settings) / FOLDERS[kind]
