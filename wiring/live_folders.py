"""Where the live versions lie: in a home, or with the code of a Bento."""

from pathlib import Path

from config.settings import Settings
from domain.versions.manifest import VersionKind

BUNDLE = Path(__file__).parents[1] / "serving" / "bundle"
"""Where a Bento carries the live versions: with the code, in no home."""


def cache_of(settings: Settings) -> Path:
    """Where the live versions' files are kept, for serving without the registry."""
    return settings.home / "live"


def policy_cache_of(settings: Settings) -> Path:
    """Where the live policies' files are kept; within the models', so that one copy holds all."""
    return cache_of(settings) / "policies"


def folder_of(settings: Settings, kind: VersionKind) -> Path:
    """Where the live versions of a kind are kept."""
    return policy_cache_of(settings) if kind == "policy" else cache_of(settings)
